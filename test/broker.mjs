/**
 * A real Kafka broker for tests: fetched once from Maven Central into .cache/, run on free ports in a temporary folder.
 * It listens in the clear, where everyone may do everything, and, under a certificate of its own, with SASL, where everyone may
 * what no rule forbids.
 */
import { execFile, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createWriteStream, existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import kafkajs from 'kafkajs';

const run = promisify(execFile);
const KAFKA = '4.1.0';
const START_ATTEMPTS = 3;
const START_LIMIT_MS = 60_000;
const STOP_LIMIT_MS = 15_000;

/** Starts a broker; the caller must call `stop`. */
export async function startBroker(root) {
  await requireTools();
  const libraries = await fetchKafka(root);
  for (let attempt = 1; ; attempt++) {
    try {
      return await tryStart(libraries);
    } catch (error) {
      // Another process may take a port between its being found free and its being used.
      if (attempt === START_ATTEMPTS) throw error;
    }
  }
}

async function requireTools() {
  if ((await missingTools()).length > 0) await tryInstall();
  const missing = await missingTools();
  if (missing.length === 0) return;
  throw new Error(
    `The Kafka tests need ${missing.join(' and ')}. Install them (Debian, Ubuntu: apt-get install default-jre-headless maven; macOS: brew install openjdk maven) and run again.`,
  );
}

async function missingTools() {
  const missing = [];
  if ((await javaVersion()) < 17) missing.push('Java 17 or newer');
  if (!(await answers('mvn', ['-v']))) missing.push('Maven');
  return missing;
}

async function javaVersion() {
  const said = await run('java', ['-version']).catch(() => null);
  return Number(/version "(\d+)/.exec(said?.stderr ?? '')?.[1] ?? 0);
}

async function answers(command, args) {
  return run(command, args).then(
    () => true,
    () => false,
  );
}

async function tryInstall() {
  if (!existsSync('/etc/debian_version') || process.getuid?.() !== 0) return;
  console.log('Installing Java and Maven for the Kafka broker …');
  const install = () => answers('apt-get', ['install', '-y', '-qq', 'default-jre-headless', 'maven']);
  if (!(await install()) && (await answers('apt-get', ['update', '-qq']))) await install();
}

async function fetchKafka(root) {
  const libraries = join(root, '.cache', 'kafka', KAFKA);
  if (existsSync(libraries)) return libraries;
  console.log(`Fetching Kafka ${KAFKA} from Maven Central …`);
  mkdirSync(join(root, '.cache', 'kafka'), { recursive: true });
  // Renamed when whole, so that an interrupted download is not taken for a good one.
  const partial = mkdtempSync(`${libraries}.partial-`);
  const pom = join(root, 'test', 'kafka', 'pom.xml');
  const goal = ['dependency:copy-dependencies', `-DoutputDirectory=${partial}`, '-DincludeScope=runtime'];
  try {
    await run('mvn', ['-q', '-B', '-f', pom, ...goal]);
    renameSync(partial, libraries);
  } catch (error) {
    rmSync(partial, { recursive: true, force: true });
    // Another run may have been faster.
    if (existsSync(libraries)) return libraries;
    throw new Error(`Kafka could not be fetched: ${error.stdout || error.message}`);
  }
  return libraries;
}

async function tryStart(libraries) {
  const folder = mkdtempSync(join(tmpdir(), 'assay-kafka-'));
  const [port, securePort, controllerPort] = await freePorts(3);
  const properties = join(folder, 'server.properties');
  const password = randomBytes(16).toString('hex');
  writeFileSync(properties, serverProperties(folder, { port, securePort, controllerPort, password }));
  const classpath = join(libraries, '*');
  const clusterId = `a${randomBytes(16).toString('base64url').slice(1)}`;
  let broker = null;
  const stop = async () => {
    if (broker) await end(broker);
    rmSync(folder, { recursive: true, force: true, maxRetries: 3 });
  };
  const launch = async () => {
    broker = spawn('java', ['-Xmx512m', '-cp', classpath, 'kafka.Kafka', properties], { stdio: ['ignore', 'pipe', 'pipe'] });
    const log = createWriteStream(join(folder, 'broker.log'), { flags: 'a' });
    broker.stdout.pipe(log);
    broker.stderr.pipe(log);
    await untilAnswers(broker, `127.0.0.1:${port}`);
  };
  /** Ends it as a power cut would, and starts it again on what lies on its disk. */
  const crash = async () => {
    const ended = once(broker, 'exit');
    broker.kill('SIGKILL');
    await ended;
    await launch();
  };
  try {
    const ca = await makeCertificate(folder, password);
    const users = SCRAM.flatMap((mechanism) => ['-S', `${mechanism}=[name=${USERNAME},password=${password}]`]);
    await run('java', ['-cp', classpath, 'kafka.tools.StorageTool', 'format', '-t', clusterId, '-c', properties, ...users]);
    await launch();
    const secure = { brokers: `localhost:${securePort}`, ca, username: USERNAME, password };
    return { brokers: `127.0.0.1:${port}`, secure, stop, crash };
  } catch (error) {
    const log = join(folder, 'broker.log');
    const said = existsSync(log) ? readFileSync(log, 'utf8').slice(-2000) : '';
    await stop();
    throw new Error(`The Kafka broker did not start: ${error.message}\n${said}`);
  }
}

const USERNAME = 'assay';
const SCRAM = ['SCRAM-SHA-256', 'SCRAM-SHA-512'];

/** A key pair for the broker, by Java's own tool; returns the file of the certificate, for those who shall trust it. */
async function makeCertificate(folder, password) {
  const keys = ['-alias', 'broker', '-keystore', join(folder, 'broker.p12'), '-storetype', 'PKCS12', '-storepass', password];
  const names = ['-dname', 'CN=localhost', '-ext', 'san=dns:localhost,ip:127.0.0.1', '-validity', '2'];
  await run('keytool', ['-genkeypair', '-keyalg', 'RSA', '-keysize', '2048', ...names, ...keys]);
  const ca = join(folder, 'ca.pem');
  await run('keytool', ['-exportcert', '-rfc', '-file', ca, ...keys]);
  return ca;
}

async function freePorts(count) {
  const servers = Array.from({ length: count }, () => createServer().listen(0, '127.0.0.1'));
  await Promise.all(servers.map((server) => once(server, 'listening')));
  const ports = servers.map((server) => server.address().port);
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  return ports;
}

function serverProperties(folder, { port, securePort, controllerPort, password }) {
  return `process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:${controllerPort}
listeners=PLAINTEXT://127.0.0.1:${port},SASL_SSL://localhost:${securePort},CONTROLLER://127.0.0.1:${controllerPort}
advertised.listeners=PLAINTEXT://127.0.0.1:${port},SASL_SSL://localhost:${securePort}
controller.listener.names=CONTROLLER
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,SASL_SSL:SASL_SSL,CONTROLLER:PLAINTEXT
sasl.enabled.mechanisms=PLAIN,${SCRAM.join(',')}
listener.name.sasl_ssl.plain.sasl.jaas.config=org.apache.kafka.common.security.plain.PlainLoginModule required user_${USERNAME}="${password}";
${SCRAM.map((name) => `listener.name.sasl_ssl.${name.toLowerCase()}.sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required;`).join('\n')}
ssl.keystore.location=${join(folder, 'broker.p12')}
ssl.keystore.type=PKCS12
ssl.keystore.password=${password}
log.dirs=${join(folder, 'data')}
offsets.topic.replication.factor=1
offsets.topic.num.partitions=4
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=4
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
group.initial.rebalance.delay.ms=0
num.partitions=8
auto.create.topics.enable=false
authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer
super.users=User:ANONYMOUS
allow.everyone.if.no.acl.found=true
`;
}

async function untilAnswers(broker, address) {
  const kafka = new kafkajs.Kafka({
    brokers: [address],
    logLevel: kafkajs.logLevel.NOTHING,
    connectionTimeout: 1000,
    retry: { retries: 0 },
  });
  const giveUpAt = Date.now() + START_LIMIT_MS;
  while (Date.now() < giveUpAt) {
    if (broker.exitCode !== null || broker.signalCode !== null) throw new Error('it ended by itself');
    const admin = kafka.admin();
    const isUp = await admin
      .connect()
      .then(
        () => admin.listTopics().then(() => true),
        () => false,
      )
      .catch(() => false);
    await admin.disconnect().catch(() => {});
    if (isUp) return;
    await sleep(200);
  }
  throw new Error(`no answer within ${START_LIMIT_MS / 1000} s`);
}

async function end(child) {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, 'exit');
  child.kill('SIGTERM');
  const timer = setTimeout(() => child.kill('SIGKILL'), STOP_LIMIT_MS);
  await ended;
  clearTimeout(timer);
}
