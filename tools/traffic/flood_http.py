# SPDX-License-Identifier: Apache-2.0
"""Floods of connections, requests and queries for training: ab, wrk, h2load, curl, dnsperf and our own clients."""
from flood_model import HERE, Flood, bounded, connection_rate, log_uniform, packet_rate, shell, tcp_port

PATHS = ("/", "/", "/index.html", "/search?q=flood", "/login")
SLOW_PATHS = ("/", "/login", "/upload")

# ab knows no pace: bursts of requests with pauses between them make it. $1 is the address of the page, $2 the
# requests of a burst, $3 those in flight, $4 the pause in seconds, $5 all nanoseconds, $6 the octets to post;
# OPTIONS stands for further ones.
AB_BURSTS = """body=$(mktemp) && trap 'rm -f "$body"' EXIT && trap exit TERM
head -c "$6" /dev/zero | tr '\\0' x > "$body"
end=$(($(date +%s%N) + $5))
while [ "$(date +%s%N)" -lt "$end" ]; do ab -q -r -s 2 OPTIONS -n "$2" -c "$3" "$1" > /dev/null 2>&1; sleep "$4"; done"""
# $1 is the script for wrk, the rest its arguments.
WRK = """script=$(mktemp) && trap 'rm -f "$script"' EXIT && trap exit TERM
printf %s "$1" > "$script"; shift
wrk -s "$script" "$@\""""
CURL_LOOPS = """for loop in $(seq "$1"); do
  (while :; do curl -s -o /dev/null --max-time 2 "$2"; sleep "$3"; done) &
done
wait"""


def url(rng, target):
    return f"http://{target.address}:{target.http_port}{rng.choice(PATHS)}"


def ab(method):
    def command(rng, target, seconds):
        burst = log_uniform(rng, 10, 150)
        options = "-k" if rng.random() < 0.3 else ""
        if method == "post":
            options += ' -T application/x-www-form-urlencoded -p "$body"'
        return shell(seconds + 1, AB_BURSTS.replace("OPTIONS", options), url(rng, target), burst,
                     max(1, burst // rng.randint(2, 5)), rng.choice(("0.05", "0.1", "0.2")), int(seconds * 1e9),
                     log_uniform(rng, 20, 5000))
    return command


def wrk(method, connections, keeps_alive):
    """wrk asks for whole seconds; its script's delay() sets the pace of each connection."""
    def command(rng, target, seconds):
        number = rng.randint(*connections)
        rate = log_uniform(rng, 200, 5000) if keeps_alive else connection_rate(rng)
        script = f"wrk.method = '{method}'\nfunction delay() return {max(1, round(1000 * number / rate))} end\n"
        if method == "POST":
            script += f"wrk.body = string.rep('x', {rng.randint(20, 3000)})\n"
        connection = "keep-alive" if keeps_alive else "close"
        return shell(seconds + 1, WRK, script, "-t", 1, "-c", number, "-d", f"{max(1, round(seconds))}s", "--timeout", "2s",
                     "-H", f"Connection: {connection}", url(rng, target))
    return command


def h2load(scheme):
    """Few connections, very many requests."""
    def command(rng, target, seconds):
        clients = rng.randint(1, 20)
        rate = log_uniform(rng, 200, 5000)
        port = target.https_port if scheme == "https" else target.http_port
        return bounded(seconds + 1, "h2load", *(("--h1",) if scheme == "http" else ()), "--clients", clients,
                       "--rps", max(1, rate // clients), "--duration", max(1, round(seconds)), "--warm-up-time", 0,
                       f"{scheme}://{target.address}:{port}{rng.choice(PATHS)}")
    return command


def curl(rng, target, seconds):
    return shell(seconds, CURL_LOOPS, rng.randint(3, 12), url(rng, target), rng.choice(("0", "0.01", "0.05")))


def dnsperf(rng, target, seconds):
    """Names that exist, names that do not, or one name again and again."""
    rate = packet_rate(rng, 8000)
    pattern = rng.choice(("h&.lab.example A", "x&.lab.example AAAA", "h7.lab.example ANY", "www&.example.com A"))
    script = 'seq "$1" | sed "s/.*/$2/" | dnsperf -s "$3" -p "$4" -Q "$5" -l "$6" -q 2000 -t 1 -c "$7" > /dev/null 2>&1'
    return shell(seconds, script, int(rate * seconds), pattern, target.address, target.dns_port, rate,
                 max(1, round(seconds)), rng.randint(1, 20))


def sources(rng, target):
    own = target.own_addresses[:rng.randint(1, len(target.own_addresses))] if target.own_addresses else ()
    return ("--sources", ",".join(own)) if own else ()


def requests(method):
    def command(rng, target, seconds):
        is_many = rng.random() < 0.4  # requests on one connection
        return [str(HERE / "flood_requests.py"), method, target.address, str(target.http_port), *sources(rng, target),
                "--rate", str(connection_rate(rng, 150 if is_many else 800)), "--seconds", f"{seconds:.2f}",
                "--requests", str(rng.randint(5, 100) if is_many else 1), "--gap", rng.choice(("0", "0.02", "0.1")),
                "--path", rng.choice(PATHS).partition("?")[0], *rng.choice(((), ("--random-query",))),
                "--body", str(log_uniform(rng, 20, 5000)), "--end", rng.choice(("close", "close", "reset")),
                "--seed", str(rng.randrange(1 << 31))]
    return command


def connections(rng, target, seconds):
    return [str(HERE / "flood_requests.py"), "connect", target.address, str(tcp_port(rng, target)), *sources(rng, target),
            "--rate", str(connection_rate(rng)), "--seconds", f"{seconds:.2f}", "--hold", rng.choice(("0", "0.1", "0.5")),
            "--end", rng.choice(("close", "reset")), "--seed", str(rng.randrange(1 << 31))]


def nping_connect(rng, target, seconds):
    rate = rng.choice((100, 200, 500))
    return bounded(seconds, "nping", "--tcp-connect", "--dest-port", tcp_port(rng, target), "--rate", rate,
                   "--count", max(1, int(rate * seconds)), "-q4", target.address)


def slow(mode):
    def command(rng, target, seconds):
        number = rng.randint(100, 800)
        return [str(HERE / "slow_http.py"), mode, target.address, str(target.http_port), *sources(rng, target),
                "--connections", str(number), "--rate", str(round(number / rng.uniform(0.5, max(1, seconds / 2)))),
                "--interval", f"{rng.uniform(0.3, 4):.1f}", "--seconds", f"{seconds:.2f}",
                "--path", rng.choice(SLOW_PATHS), "--seed", str(rng.randrange(1 << 31))]
    return command


def _flood(name, kind, program, package, executable, command):
    return Flood(name, kind, program, (package,), executable, False, command)


REQUESTS, SLOW = str(HERE / "flood_requests.py"), str(HERE / "slow_http.py")
HTTP_FLOODS = (
    _flood("ab-get", "http-get", "ab", "apache2-utils", "ab", ab("get")),
    _flood("ab-post", "http-post", "ab", "apache2-utils", "ab", ab("post")),
    _flood("wrk-get", "http-get", "wrk", "wrk", "wrk", wrk("GET", (1, 10), keeps_alive=True)),
    _flood("wrk-get-close", "http-get", "wrk", "wrk", "wrk", wrk("GET", (10, 50), keeps_alive=False)),
    _flood("wrk-post", "http-post", "wrk", "wrk", "wrk", wrk("POST", (5, 50), keeps_alive=True)),
    _flood("h2load-get", "http-get", "h2load", "nghttp2-client", "h2load", h2load("http")),
    _flood("h2load-https-get", "http-get", "h2load", "nghttp2-client", "h2load", h2load("https")),
    _flood("curl-get", "http-get", "curl", "curl", "curl", curl),
    _flood("flood_requests-get", "http-get", "flood_requests", "python3", REQUESTS, requests("get")),
    _flood("flood_requests-post", "http-post", "flood_requests", "python3", REQUESTS, requests("post")),
    _flood("flood_requests-connect", "tcp-connect", "flood_requests", "python3", REQUESTS, connections),
    _flood("nping-connect", "tcp-connect", "nping", "nmap", "nping", nping_connect),
    _flood("slow_http-headers", "slow-headers", "slow_http", "python3", SLOW, slow("headers")),
    _flood("slow_http-body", "slow-body", "slow_http", "python3", SLOW, slow("body")),
    _flood("slow_http-read", "slow-read", "slow_http", "python3", SLOW, slow("read")),
    _flood("dnsperf-query", "dns-query", "dnsperf", "dnsperf", "dnsperf", dnsperf),
)
