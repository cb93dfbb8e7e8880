# SPDX-License-Identifier: Apache-2.0
"""The servers of the laboratory: how each is configured and started inside a host's namespace.

All run in the foreground, listen on every address of their host, and keep their files in a scratch folder.
"""
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Callable

HERE = Path(__file__).resolve().parent
PAGES, PAGE_BYTES = 60, (300, 60_000)
FILES_KB = (64, 200, 500, 1000, 2000, 4000)
NAMES = 400  # that the DNS server knows: h0.lab.example and so on
SEGMENTS, SEGMENT_KB = 40, (40, 400)
# Compiled into it: where it goes when it has no privileges. Stays, as with Debian's own service: another
# laboratory may be using it.
SSHD_FOLDER = Path("/run/sshd")
IPERF_PORTS = (5201, 5202, 5203)


class Place:
    """Where a server runs: its host, a folder of its own, and what all servers share."""

    def __init__(self, lab, host, folder, shared, rng):
        self.lab, self.host, self.folder, self.shared, self.rng = lab, host, Path(folder), Path(shared), rng

    def write(self, name, text):
        path = self.folder / name
        path.write_text(text, encoding="utf-8")
        return path

    def make_folder(self, name, owner=None):
        path = self.folder / name
        path.mkdir()
        if owner:
            subprocess.run(("chown", owner, path), check=True)
        return path


def run(*command):
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, stdin=subprocess.DEVNULL,
                          check=False)
    if done.returncode != 0:
        raise RuntimeError(f"{command[0]}: {(done.stderr or done.stdout).strip()}")


def make_shared(folder, rng):
    """The site, its certificate and SSH keys."""
    site = folder / "site"
    site.mkdir()
    links = []
    for number in range(PAGES):
        page_bytes = int(PAGE_BYTES[0] * (PAGE_BYTES[1] / PAGE_BYTES[0]) ** rng.random())
        (site / f"p{number}.html").write_bytes(b"<p>" + rng.randbytes(page_bytes // 2).hex().encode())
        links.append(f'<a href="p{number}.html">{number}</a>')
    (site / "index.html").write_text("<h1>weir</h1>" + " ".join(links), encoding="ascii")
    for kilobytes in FILES_KB:
        (site / f"f{kilobytes}.bin").write_bytes(rng.randbytes(kilobytes * 1000))
    for number in range(SEGMENTS):
        (site / f"s{number}.ts").write_bytes(rng.randbytes(rng.randint(*SEGMENT_KB) * 1000))
    run("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "30", "-subj", "/CN=lab.example",
        "-keyout", folder / "key.pem", "-out", folder / "cert.pem")
    for name in ("host_key", "user_key"):
        run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", folder / name)
    for path in folder.rglob("*"):
        path.chmod(0o755 if path.is_dir() else 0o644)
    for name in ("host_key", "user_key"):
        (folder / name).chmod(0o600)


# ---------------------------------------------------------------- the web
def nginx(place):
    common = f"root {place.shared}/site; location /upload {{ client_max_body_size 50m; return 204; }}"
    config = place.write("nginx.conf", f"""
user root; daemon off; worker_processes 1; pid {place.folder}/nginx.pid; error_log /dev/null;
events {{ worker_connections 8192; }}
http {{
    access_log off; default_type text/html; keepalive_timeout 30s; sendfile on;
    client_body_temp_path {place.folder}/nginx-body; proxy_temp_path {place.folder}/nginx-proxy;
    fastcgi_temp_path {place.folder}/nginx-fastcgi; uwsgi_temp_path {place.folder}/nginx-uwsgi;
    scgi_temp_path {place.folder}/nginx-scgi;
    server {{ listen 80 backlog=1024; {common} location /health {{ return 200 "ok"; }} }}
    server {{ listen 8080; {common} }}
    server {{ listen 443 ssl http2; ssl_certificate {place.shared}/cert.pem;
              ssl_certificate_key {place.shared}/key.pem; {common} location /api {{ return 200 "{{}}"; }} }}
}}
""")
    return [["nginx", "-e", "/dev/null", "-p", place.folder, "-c", config]]


def apache(place):
    modules = "/usr/lib/apache2/modules"
    loads = "\n".join(f"LoadModule {name}_module {modules}/mod_{name}.so" for name in (
        "mpm_event", "authz_core", "mime", "dir", "autoindex", "alias", "socache_shmcb", "ssl"))
    config = place.write("apache.conf", f"""
{loads}
ServerName lab.example
ServerRoot {place.folder}
PidFile {place.folder}/apache.pid
DefaultRuntimeDir {place.folder}
ErrorLog /dev/null
TypesConfig /etc/mime.types
User www-data
Group www-data
StartServers 2
Listen 80
Listen 443
DocumentRoot {place.shared}/site
<Directory />
Require all granted
</Directory>
<VirtualHost *:443>
SSLEngine on
SSLCertificateFile {place.shared}/cert.pem
SSLCertificateKeyFile {place.shared}/key.pem
DocumentRoot {place.shared}/site
</VirtualHost>
""")
    return [["apache2", "-DFOREGROUND", "-f", config]]


def lighttpd(place):
    config = place.write("lighttpd.conf", f"""
server.document-root = "{place.shared}/site"
server.port = 8088
server.errorlog = "/dev/null"
index-file.names = ( "index.html" )
mimetype.assign = ( ".html" => "text/html" )
""")
    return [["lighttpd", "-D", "-f", config]]


# ---------------------------------------------------------------- names, logins, files, mail
def dnsmasq(place):
    rng = place.rng
    lines = ["no-resolv", "no-hosts", "user=root", "local=/lab.example/", f"pid-file={place.folder}/dnsmasq.pid",
             "txt-record=big.lab.example," + ",".join("x" * 200 for _ in range(rng.randint(1, 4)))]  # a line has at most 1024 characters
    for number in range(NAMES):
        for _ in range(rng.choice((1, 1, 1, 2, 4))):
            lines.append(f"host-record=h{number}.lab.example,10.{rng.randrange(256)}.{rng.randrange(256)}.1")
    return [["dnsmasq", "--keep-in-foreground", "--conf-file=" + str(place.write("dnsmasq.conf", "\n".join(lines)))]]


def sshd(place):
    SSHD_FOLDER.mkdir(exist_ok=True)
    keys = place.write("authorized_keys", (place.shared / "user_key.pub").read_text(encoding="ascii"))
    config = place.write("sshd_config", f"""
Port 22
HostKey {place.shared}/host_key
AuthorizedKeysFile {keys}
StrictModes no
UsePAM no
PermitRootLogin prohibit-password
MaxStartups 200
UseDNS no
PidFile none
Subsystem sftp internal-sftp
""")
    return [["/usr/sbin/sshd", "-D", "-f", config]]


def rsyncd(place):
    config = place.write("rsyncd.conf", f"""
use chroot = no
reverse lookup = no
uid = root
gid = root
pid file = {place.folder}/rsyncd.pid
log file = /dev/null
[site]
path = {place.shared}/site
[incoming]
path = {place.make_folder("incoming")}
read only = no
""")
    return [["rsync", "--daemon", "--no-detach", f"--config={config}"]]


def vsftpd(place):
    place.make_folder("empty")
    root = place.make_folder("ftp")
    (root / "pub").symlink_to("site")
    run("cp", "-r", place.shared / "site", root / "site")
    (root / "incoming").mkdir()
    run("chown", "ftp:ftp", root / "incoming")
    root.chmod(0o555)
    config = place.write("vsftpd.conf", f"""
listen=YES
background=NO
anonymous_enable=YES
no_anon_password=YES
anon_root={root}
anon_upload_enable=YES
write_enable=YES
anon_umask=022
secure_chroot_dir={place.folder}/empty
seccomp_sandbox=NO
xferlog_enable=NO
pasv_min_port=30000
pasv_max_port=30999
""")
    return [["vsftpd", config]]


def exim(place):
    spool = place.make_folder("spool")
    config = place.write("exim.conf", f"""
spool_directory = {spool}
log_file_path = {spool}/log_%slog
primary_hostname = mail.lab.example
domainlist local_domains = *
acl_smtp_rcpt = accept
acl_smtp_data = accept
message_size_limit = 20M
host_lookup =
rfc1413_query_timeout = 0s
never_users =
begin routers
drop:
  driver = redirect
  data = :blackhole:
""")
    config.chmod(0o644)
    subprocess.run(("chown", "-R", "Debian-exim", spool), check=True)
    return [["exim4", "-C", config, "-bdf", "-oX", "25", "-oP", spool / "pid"]]


# ---------------------------------------------------------------- data
def postgresql(place):
    bin_folder = sorted(Path("/usr/lib/postgresql").glob("*/bin"))[-1]
    data = place.make_folder("postgresql", "postgres:postgres")
    as_owner = ("setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups", "--pdeathsig=SIGKILL", "--")
    run(*as_owner, bin_folder / "initdb", "--no-sync", "--auth=trust", "-D", data)
    with open(data / "pg_hba.conf", "a", encoding="ascii") as file:
        file.write("host all all 0.0.0.0/0 trust\n")
    return [[*as_owner, bin_folder / "postgres", "-D", data, "-c", "listen_addresses=*", "-c", "fsync=off",
             "-c", f"unix_socket_directories={data}", "-c", "max_connections=300"]]


def fill_postgresql(place):
    place.lab.run(place.host, ["pgbench", "-i", "-q", "-h", "127.0.0.1", "-U", "postgres", "postgres"])


def redis(place):
    return [["redis-server", "--protected-mode", "no", "--save", "", "--bind", "0.0.0.0", "--dir", place.folder]]


def memcached(_):
    return [["memcached", "-u", "root", "-l", "0.0.0.0", "-m", "32", "-t", "1"]]


def mariadb(place):
    data = place.make_folder("mariadb")
    run("mariadb-install-db", "--no-defaults", "--user=root", f"--datadir={data}", "--skip-test-db")
    return [["mariadbd", "--no-defaults", "--user=root", f"--datadir={data}", f"--socket={data}/socket",
             "--bind-address=0.0.0.0", "--skip-grant-tables", "--skip-name-resolve", "--innodb-flush-log-at-trx-commit=0",
             f"--pid-file={data}/pid"]]


def mosquitto(place):
    config = place.write("mosquitto.conf", "listener 1883 0.0.0.0\nallow_anonymous true\nuser root\n")
    return [["mosquitto", "-c", config]]


# ---------------------------------------------------------------- streams
def iperf3(_):
    return [["iperf3", "--server", "--port", port] for port in IPERF_PORTS]


def small(_):
    return [[sys.executable, HERE / "small_servers.py"]]


def sipp(_):
    return [["sipp", "-sn", "uas", "-i", "0.0.0.0", "-p", "5060", "-nostdin"]]


@dataclass(frozen=True)
class Server:
    """`waits_for` are the TCP ports that tell it is there; `fill` runs once they answer."""
    name: str
    packages: tuple[str, ...]
    executables: tuple[str, ...]
    start: Callable
    waits_for: tuple[int, ...]
    fill: Callable | None = None


SERVERS = {server.name: server for server in (
    Server("nginx", ("nginx-light",), ("nginx",), nginx, (80, 443, 8080)),
    Server("dnsmasq", ("dnsmasq-base",), ("dnsmasq",), dnsmasq, (53,)),
    Server("sshd", ("openssh-server",), ("/usr/sbin/sshd",), sshd, (22,)),
    Server("rsync", ("rsync",), ("rsync",), rsyncd, (873,)),
    Server("vsftpd", ("vsftpd",), ("vsftpd",), vsftpd, (21,)),
    Server("exim", ("exim4-daemon-light",), ("exim4",), exim, (25,)),
    Server("postgresql", ("postgresql",), ("pgbench",), postgresql, (5432,), fill_postgresql),
    Server("redis", ("redis-server",), ("redis-server",), redis, (6379,)),
    Server("memcached", ("memcached",), ("memcached",), memcached, (11211,)),
    Server("iperf3", ("iperf3",), ("iperf3",), iperf3, IPERF_PORTS),
    Server("small", (), (), small, (8000, 9001, 9002, 9003)),
    Server("apache", ("apache2",), ("apache2",), apache, (80, 443)),
    Server("lighttpd", ("lighttpd",), ("lighttpd",), lighttpd, (8088,)),
    Server("mariadb", ("mariadb-server",), ("mariadbd", "mariadb-install-db"), mariadb, (3306,)),
    Server("mosquitto", ("mosquitto",), ("mosquitto",), mosquitto, (1883,)),
    Server("sipp", ("sip-tester",), ("sipp",), sipp, ()),
)}
