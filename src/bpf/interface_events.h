// SPDX-License-Identifier: Apache-2.0
#pragma once
// Interfaces that come and go in one network namespace: that of the thread that opens it.
//
//     auto events = InterfaceEvents::open();
//     for (const auto& one : events->present()) ...       // what is there now
//     poll(events->fd());
//     auto news = events->read();                         // what has changed since
//
// Ownership: owns its socket. Thread rule: one thread, in the namespace it was opened in.
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "bpf/interface.h"
#include "bpf/netlink.h"
#include "weir/result.h"

namespace weir::bpf {

struct InterfaceEvent {
    enum class Kind { Appeared, Vanished };
    IfIndex index{};
    std::string name;
    Kind kind{};
    bool operator==(const InterfaceEvent&) const = default;
};

class InterfaceEvents {
public:
    /// Errors: as errno says.
    [[nodiscard]] static Result<InterfaceEvents> open();

    /// Readable when there may be something to read(). Borrowed.
    [[nodiscard]] int fd() const { return netlink_.fd(); }

    /// What is there as far as it has been read, by index.
    [[nodiscard]] std::vector<Interface> present() const;

    /// Reads what is pending, never waits. Deleting an interface and moving it to another namespace
    /// is Vanished. Renaming it is Vanished (the old name), then Appeared with the same index;
    /// it keeps what is attached to it. Other changes are no event. Where the kernel had to drop
    /// messages, the interfaces are listed anew: what came and went in between is not seen.
    /// Errors: as errno says; the next call makes up for it.
    [[nodiscard]] Result<std::vector<InterfaceEvent>> read();

private:
    explicit InterfaceEvents(Netlink netlink) : netlink_(std::move(netlink)) {}
    void apply(const NetlinkMessage& message, std::vector<InterfaceEvent>& events);
    void set_name(IfIndex index, const std::string& name, std::vector<InterfaceEvent>& events);
    void remove(IfIndex index, std::vector<InterfaceEvent>& events);
    [[nodiscard]] Result<> resynchronise(std::vector<InterfaceEvent>& events);

    Netlink netlink_;
    std::map<IfIndex, std::string> names_;
    bool has_lost_ = false;  // messages, and the list has not been read since
};

}  // namespace weir::bpf
