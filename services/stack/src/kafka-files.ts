/** The files a broker is started with. */

export interface KafkaPorts {
  readonly broker: number
  readonly controller: number
}

/** Broker and controller in one process; small enough to share a laptop with everything else. */
export function serverProperties({ broker, controller }: KafkaPorts, logDir: string): string {
  return lines({
    'process.roles': 'broker,controller',
    'node.id': 1,
    'controller.quorum.voters': `1@127.0.0.1:${controller}`,
    listeners: `PLAINTEXT://127.0.0.1:${broker},CONTROLLER://127.0.0.1:${controller}`,
    // An address, not localhost: that may resolve to ::1, where nobody listens.
    'advertised.listeners': `PLAINTEXT://127.0.0.1:${broker}`,
    'controller.listener.names': 'CONTROLLER',
    'listener.security.protocol.map': 'CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT',
    'log.dirs': logDir,
    'num.partitions': 1,
    'auto.create.topics.enable': false,
    'offsets.topic.replication.factor': 1,
    'offsets.topic.num.partitions': 1,
    'transaction.state.log.replication.factor': 1,
    'transaction.state.log.min.isr': 1,
    'transaction.state.log.num.partitions': 1,
    'share.coordinator.state.topic.replication.factor': 1,
    'share.coordinator.state.topic.min.isr': 1,
    // A group of one need not wait three seconds for others.
    'group.initial.rebalance.delay.ms': 0,
    // A killed broker is refused until the session of its former life is over; the default is 9 s.
    'broker.session.timeout.ms': 4000,
    'broker.heartbeat.interval.ms': 1000,
    'log.segment.bytes': 64 * 1024 * 1024,
    'log.retention.hours': 168,
    'log.retention.bytes': 1024 * 1024 * 1024,
    // The default takes 128 MiB of the heap.
    'log.cleaner.dedupe.buffer.size': 8 * 1024 * 1024,
    'num.network.threads': 2,
    'num.io.threads': 4,
    'num.recovery.threads.per.data.dir': 1
  })
}

/** The line that says the broker has started. */
export const STARTED_LINE = 'Kafka Server started'

export const LOG4J_PROPERTIES = lines({
  status: 'error',
  'appender.console.type': 'Console',
  'appender.console.name': 'out',
  'appender.console.layout.type': 'PatternLayout',
  'appender.console.layout.pattern': '%d %p %m (%c)%n',
  'rootLogger.level': 'warn',
  'rootLogger.appenderRef.out.ref': 'out',
  'logger.started.name': 'kafka.server.KafkaRaftServer',
  'logger.started.level': 'info'
})

/** What makes a folder this broker's: the template's records come from `format`, the ids are ours. */
export function metaProperties(clusterId: string, directoryId: string): string {
  return lines({
    version: 1,
    'node.id': 1,
    'cluster.id': clusterId,
    'directory.id': directoryId
  })
}

function lines(properties: Readonly<Record<string, string | number | boolean>>): string {
  return Object.entries(properties)
    .map(([name, value]) => `${name}=${value}\n`)
    .join('')
}
