/**
 * What well-known programs log, as they word it, with `{slots}` for what varies: the messages that the workloads of two releases are made
 * of. A slot in capitals takes few values: a release may bring a new one.
 */
import type { Random } from '../random.ts';
import type { Said } from './two-releases.ts';

const programs: Readonly<Record<string, string>> = {
  sshd: `
Accepted publickey for {user} from {ip} port {port} ssh2: {KEY} SHA256:{hash}
Failed password for invalid user {user} from {ip} port {port} ssh2
Connection closed by authenticating user {user} {ip} port {port} [preauth]
pam_unix(sshd:session): session opened for user {user}(uid={int}) by (uid=0)
Received disconnect from {ip} port {port}:11: Bye Bye [preauth]
error: maximum authentication attempts exceeded for {user} from {ip} port {port} ssh2 [preauth]
Unable to negotiate with {ip} port {port}: no matching key exchange method found. Their offer: {KEX}
reverse mapping checking getaddrinfo for {host} [{ip}] failed.`,
  systemd: `
Started Session {int} of User {user}.
{UNIT}: Main process exited, code=exited, status={STATUS}/FAILURE
{UNIT}: Scheduled restart job, restart counter is at {int}.
{UNIT}: Consumed {seconds} CPU time.
{UNIT}: Watchdog timeout (limit 30s)!
Removed slice User Slice of UID {int}.
Starting Cleanup of Temporary Directories...
Reloading configuration requested from client PID {int} ('systemctl').
Reached target Timer Units.`,
  kernel: `
Out of memory: Killed process {int} (node) total-vm:{int}kB, anon-rss:{int}kB, file-rss:0kB
EXT4-fs ({DEVICE}): mounted filesystem with ordered data mode. Quota mode: none.
{DEVICE}: I/O error, dev {DEVICE}, sector {int} op 0x0:(READ) flags 0x80700 phys_seg 1 prio class 2
TCP: request_sock_TCP: Possible SYN flooding on port {port}. Sending cookies.
nf_conntrack: nf_conntrack: table full, dropping packet
usb 1-1: new high-speed USB device number {small} using xhci_hcd
CPU{small}: Core temperature above threshold, cpu clock throttled (total events = {int})
audit: type=1400 audit({seconds}:{int}): apparmor="{VERDICT}" operation="open" profile="snap.app" pid={int}`,
  postgres: `
duration: {ms} ms  statement: SELECT * FROM orders WHERE id = {int}
checkpoint complete: wrote {int} buffers ({small}%); 0 WAL file(s) added, {small} removed, 3 recycled
could not receive data from client: Connection reset by peer
canceling statement due to statement timeout
deadlock detected by process {int} after {ms} ms
automatic vacuum of table "shop.public.{TABLE}": index scans: {small}
connection authorized: user={user} database=shop application_name={CLIENT}
temporary file: path "base/pgsql_tmp/pgsql_tmp{int}.{small}", size {int}
terminating connection due to administrator command
replication connection authorized: user=replicator application_name=standby{small}`,
  nginx: `
upstream timed out (110: Connection timed out) while reading response header from upstream, client: {ip}, server: {host}
{int} client intended to send too large body: {int} bytes, client: {ip}
limiting requests, excess: {seconds} by zone "{ZONE}", client: {ip}
signal process started
SSL_do_handshake() failed (SSL: error:{hex}:SSL routines::{TLSERROR}) while SSL handshaking, client: {ip}
no live upstreams while connecting to upstream, client: {ip}, server: {host}
open() "{path}" failed (2: No such file or directory), client: {ip}`,
  kubelet: `
Successfully assigned {NAMESPACE}/web-{hex} to node-{small}
Back-off restarting failed container={CONTAINER} in pod=web-{hex}
Readiness probe failed: Get "http://{ip}:{port}/ready": context deadline exceeded
Pulling image "registry.example/shop:{int}"
Container image already present on machine
Evicted pod web-{hex}: node was low on resource: {RESOURCE}
MountVolume.SetUp succeeded for volume "data-{int}"
Node node-{small} status is now: {CONDITION}`,
  redis: `
{int} changes in 60 seconds. Saving...
Background saving started by pid {int}
DB saved on disk in {ms} ms
Accepted {ip}:{port} by listener {LISTENER}
Client id={int} addr={ip}:{port} closed for overcoming of output buffer limits.
Asynchronous AOF fsync is taking too long (disk is busy?).
MASTER <-> REPLICA sync started
Replica {ip}:{port} asks for synchronization`,
  kafka: `
[GroupCoordinator {small}]: Preparing to rebalance group {GROUP} in state {STATE} with old generation {int}
[Log partition=orders-{small}] Rolled new log segment at offset {int} in {ms} ms.
[ReplicaManager broker={small}] Shrinking ISR from {small} to {small}
[SocketServer] Failed authentication with {ip} (SSL handshake failed)
[Consumer clientId=shop-{small}, groupId={GROUP}] Seeking to offset {int}
[Producer clientId=shop-{small}] Got error produce response with correlation id {int}, retrying: {PRODUCEERROR}
[Controller id={small}] Partition orders-{small} completed preferred replica leader election`,
  spring: `
HikariPool-{small} - Connection is not available, request timed out after {int}ms.
Completed {int} OK in {ms} ms for user {user}
Resolved [org.springframework.web.HttpRequestMethodNotSupportedException: Request method '{METHOD}' is not supported]
Circuit breaker 'payments' changed state from CLOSED to {BREAKER}
Tomcat started on port {port} (http) with context path ''
Job {JOB} finished with status COMPLETED in {seconds}
Cache 'prices' evicted {int} entries
Payment {uuid} captured: {int} cents by provider={PROVIDER}
Order {uuid} moved to state={ORDERSTATE}`,
  celery: `
Task shop.tasks.send_mail[{uuid}] received
Task shop.tasks.send_mail[{uuid}] succeeded in {seconds}: None
Task shop.tasks.charge[{uuid}] retry: Retry in {int}s: {EXCEPTION}
missed heartbeat from celery@worker{small}
consumer: Cannot connect to amqp://{user}@{ip}:5672//: timed out. Trying again in {int} seconds...
Worker {int} exited with exitcode {EXITCODE}
Substantial drift from celery@worker{small} may mean clocks are out of sync. Current drift is {int} seconds.`,
  postfix: `
{hex}: to=<{user}@example.net>, relay={host}[{ip}]:25, delay={seconds}, dsn={DSN}, status={MAILSTATUS}
{hex}: removed
connect from {host}[{ip}]
lost connection after {COMMAND} from {host}[{ip}]
NOQUEUE: reject: RCPT from {host}[{ip}]: 554 5.7.1 Service unavailable
warning: hostname {host} does not resolve to address {ip}
statistics: max connection rate {small}/60s for (smtp:{ip})`,
  etcd: `
slow fdatasync took {ms} ms expected-duration=1s
finished scheduled compaction compact-revision={int} took={ms}ms
request stats error: {ETCDERROR} remote={ip}:{port}
raft node {hex} lost leader {hex} at term {int}
applying raft message exceeded backend quota bytes={int}
established TCP streaming connection with remote peer remote-peer-id={hex}`,
  docker: `
Container {hex} failed to exit within 10s of signal {SIGNAL} - using the force
API listen on /run/docker.sock
Ignoring extra error returned from registry: {REGISTRYERROR}
Health check for container {hex} error: timed out starting health check
Layer sha256:{hex} cleaned up
Loading containers: done.`,
  cron: `
({user}) CMD (/usr/local/bin/{SCRIPT} --quiet)
(root) RELOAD (crontabs/{user})
({user}) MAIL (mailed {int} bytes of output but got status {EXITCODE} from MTA)
Anacron job 'cron.daily' terminated (produced output: {int} lines)`,
};

const few: Readonly<Record<string, string>> = {
  KEY: 'ED25519 RSA ECDSA',
  KEX: 'diffie-hellman-group1-sha1 diffie-hellman-group14-sha1',
  UNIT: 'nginx.service shop.service mailer.service',
  STATUS: '1 2 137',
  DEVICE: 'sda1 sdb1 nvme0n1',
  VERDICT: 'ALLOWED DENIED',
  TABLE: 'orders carts users',
  CLIENT: 'shop psql reports',
  ZONE: 'login api',
  TLSERROR: 'no_shared_cipher unsupported_protocol',
  NAMESPACE: 'shop mail default',
  CONTAINER: 'web sidecar',
  RESOURCE: 'memory ephemeral-storage',
  CONDITION: 'NodeReady NodeNotReady',
  LISTENER: 'tcp tls',
  GROUP: 'billing shipping search',
  STATE: 'Stable Empty PreparingRebalance',
  PRODUCEERROR: 'NOT_LEADER_OR_FOLLOWER REQUEST_TIMED_OUT',
  METHOD: 'PUT DELETE PATCH',
  BREAKER: 'OPEN HALF_OPEN',
  JOB: 'nightly-report price-import cleanup',
  PROVIDER: 'stripe adyen paypal',
  ORDERSTATE: 'packed shipped paid',
  EXCEPTION: "TimeoutError('upstream') ConnectionResetError(104)",
  EXITCODE: '0 1 75',
  DSN: '2.0.0 4.4.1 5.1.1',
  MAILSTATUS: 'sent deferred bounced',
  COMMAND: 'EHLO AUTH RCPT',
  ETCDERROR: 'EOF timeout',
  SIGNAL: '15 2',
  REGISTRYERROR: 'unauthorized toomanyrequests',
  SCRIPT: 'backup.sh rotate.sh report.sh',
};

const users = ['jane', 'wei', 'ines', 'root', 'deploy', 'omar', 'lena', 'postgres', 'git', 'app', 'admin', 'backup'];

const many: Readonly<Record<string, (random: Random) => string>> = {
  user: (random) => `${pick(users, random)}${random.chance(0.5) ? random.integer(1, 99) : ''}`,
  ip: (random) => `10.${random.integer(0, 255)}.${random.integer(0, 255)}.${random.integer(1, 254)}`,
  host: (random) => `host${random.integer(1, 400)}.example.net`,
  port: (random) => String(random.integer(1024, 65_535)),
  int: (random) => String(random.integer(100, 99_999)),
  small: (random) => String(random.integer(0, 31)),
  ms: (random) => (random.next() * 900).toFixed(3),
  seconds: (random) => `${(random.next() * 90).toFixed(3)}s`,
  hash: (random) => hex(random, 20),
  hex: (random) => hex(random, 8),
  uuid: (random) => `${hex(random, 8)}-${hex(random, 4)}-4${hex(random, 3)}-a${hex(random, 3)}-${hex(random, 12)}`,
  path: (random) => `/srv/www/static/${hex(random, 6)}/app.js`,
};

export function programMessages(): Said[] {
  return Object.entries(programs).flatMap(([program, templates]) =>
    templates
      .split('\n')
      .filter((template) => template !== '')
      .map((template) => {
        const isFew = /\{[A-Z]+\}/.test(template);
        return {
          name: `${program}: ${template}`,
          source: `/var/log/${program}.log`,
          text: (random: Random) => filled(template, random),
          newValue: isFew ? 'zulu7' : null,
          textWithNewValue: (random: Random) => filled(template.replace(/\{[A-Z]+\}/, 'zulu7'), random),
        };
      }),
  );
}

function filled(template: string, random: Random): string {
  return template.replaceAll(/\{([a-zA-Z]+)\}/g, (whole, slot: string) => {
    const make = many[slot];
    if (make !== undefined) return make(random);
    const values = few[slot];
    if (values === undefined) throw new Error(`nobody knows what stands for ${whole}`);
    return pick(values.split(' '), random);
  });
}

function hex(random: Random, length: number): string {
  return Array.from({ length }, () => random.integer(0, 15).toString(16)).join('');
}

function pick<Item>(items: readonly Item[], random: Random): Item {
  return items[random.integer(0, items.length - 1)] as Item;
}
