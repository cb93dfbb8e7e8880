#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The ends of the demo's traffic that no packaged program plays; tools/demo.py starts them in its namespaces.

    demo_peers.py serve SERVER               a web server (80), a name server of sorts (53), an echo (22)
    demo_peers.py clients SERVER OWN...      people at these addresses: keep-alive browsing, look-ups, typing
    demo_peers.py flood SERVER OWN           an HTTP flood: short connections from one address, no forged ones

Each ends by itself: after LIFETIME_S, or, the flood, after FLOOD_CONNECTIONS.
"""
import http.client
import http.server
import random
import socket
import socketserver
import sys
import threading
import time

LIFETIME_S = 120
PAGES = {"/": 2_000, "/picture": 60_000, "/film": 400_000}  # bytes
FLOOD_THREADS = 8
FLOOD_PER_S = 400
FLOOD_CONNECTIONS = 10 * FLOOD_PER_S
TIMEOUT_S = 2


class Page(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"  # keep-alive
    timeout = 10
    disable_nagle_algorithm = True  # head and body are two writes, and nobody waits between them

    def do_GET(self):
        body = bytes(PAGES.get(self.path, 0))
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


class Answer(socketserver.BaseRequestHandler):
    def handle(self):
        query, server = self.request
        server.sendto(query + bytes(100), self.client_address)


class Echo(socketserver.BaseRequestHandler):
    def handle(self):
        while keys := self.request.recv(1024):
            self.request.sendall(keys)


class TcpServer(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True
    request_queue_size = 512

    def handle_error(self, request, client_address):
        pass  # a client that went away


def serve(address):
    """Port 80 is the last that is opened: who sees it open sees all."""
    for server in (socketserver.UDPServer((address, 53), Answer), TcpServer((address, 22), Echo),
                   TcpServer((address, 80), Page)):
        threading.Thread(target=server.serve_forever, daemon=True).start()
    time.sleep(LIFETIME_S)


def browse(server, own):
    """A few pages over one connection, and time to read each."""
    connection = http.client.HTTPConnection(server, timeout=TIMEOUT_S, source_address=(own, 0))
    try:
        for _ in range(random.randint(3, 8)):
            connection.request("GET", random.choices(list(PAGES), weights=(6, 3, 1))[0])
            connection.getresponse().read()
            time.sleep(random.uniform(0.05, 0.4))
    finally:
        connection.close()


def look_up(server, own):
    """One query from a port of its own, one answer."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
        udp.bind((own, 0))
        udp.settimeout(TIMEOUT_S)
        udp.sendto(random.randbytes(random.randint(28, 60)), (server, 53))
        udp.recv(1024)
    time.sleep(random.uniform(0.1, 0.5))


def type_text(server, own):
    """Keystrokes over one connection, as ssh sends them."""
    with socket.create_connection((server, 22), TIMEOUT_S, (own, 0)) as tcp:
        while True:
            tcp.sendall(random.randbytes(36))
            tcp.recv(1024)
            time.sleep(random.uniform(0.05, 0.6))


def forever(action, server, own):
    while True:
        try:
            action(server, own)
        except (OSError, http.client.HTTPException):
            time.sleep(0.2)  # the server is busy: people wait


def clients(server, *owns):
    for own in owns:
        for action in (browse, look_up, type_text):
            threading.Thread(target=forever, args=(action, server, own), daemon=True).start()
    time.sleep(LIFETIME_S)


def flood_evenly(server, own):
    """One thread's share of the flood. What the server does not take in time is dropped, not caught up with."""
    gap_s = FLOOD_THREADS / FLOOD_PER_S
    for _ in range(FLOOD_CONNECTIONS // FLOOD_THREADS):
        due = time.monotonic() + gap_s
        try:
            with socket.create_connection((server, 80), TIMEOUT_S, (own, 0)) as tcp:
                tcp.sendall(b"GET / HTTP/1.1\r\nHost: weir\r\nConnection: close\r\n\r\n")
                while tcp.recv(65536):
                    pass
        except OSError:
            pass  # the server is overwhelmed, as is meant
        time.sleep(max(0.0, due - time.monotonic()))


def flood(server, own):
    threads = [threading.Thread(target=flood_evenly, args=(server, own), daemon=True) for _ in range(FLOOD_THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


if __name__ == "__main__":
    {"serve": serve, "clients": clients, "flood": flood}[sys.argv[1]](*sys.argv[2:])
