import { randomBytes } from 'node:crypto'
import { copyFile, mkdir, mkdtemp, rename, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import type { KafkaProgram } from './find-kafka.ts'
import { metaProperties, serverProperties } from './kafka-files.ts'
import { runCommand } from './run-command.ts'

const FORMAT_LIMIT_MS = 60_000
const BOOTSTRAP = 'bootstrap.checkpoint'

/**
 * Makes a folder ready for its first start. Formatting costs a JVM (1 to 5 seconds), but its result is
 * the same for a version except for the ids: it is kept in the cache, the ids are drawn here. Every
 * folder has a cluster id of its own, by which a consumer knows that the log is another one.
 */
export async function formatKafka(
  { jars, java, version }: KafkaProgram,
  logDir: string,
  { cacheDir, signal }: { readonly cacheDir: string; readonly signal: AbortSignal }
): Promise<void> {
  if (await exists(path.join(logDir, 'meta.properties'))) return
  await mkdir(logDir, { recursive: true })
  const template = path.join(cacheDir, `kafka-${version}-format`, BOOTSTRAP)
  if (!(await exists(template))) {
    const work = await mkdtemp(path.join(tmpdir(), 'tapedeck-format-'))
    try {
      const properties = path.join(work, 'server.properties')
      // The ports play no part in formatting.
      await writeFile(
        properties,
        serverProperties({ broker: 9092, controller: 9093 }, path.join(work, 'data'))
      )
      await runCommand(
        java.path,
        // prettier-ignore
        ['-Xmx128m', '-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1', '-cp', jars.join(path.delimiter),
         'kafka.tools.StorageTool', 'format', '-t', randomId(), '-c', properties],
        { signal, timeoutMs: FORMAT_LIMIT_MS, cwd: work }
      )
      await mkdir(path.dirname(template), { recursive: true })
      const whole = `${template}.${process.pid}`
      await copyFile(path.join(work, 'data', BOOTSTRAP), whole)
      await rename(whole, template)
    } finally {
      await rm(work, { recursive: true, force: true })
    }
  }
  await copyFile(template, path.join(logDir, BOOTSTRAP))
  // Last: it is what says that the folder is formatted.
  const whole = path.join(logDir, 'meta.properties')
  await writeFile(`${whole}.new`, metaProperties(randomId(), randomId()))
  await rename(`${whole}.new`, whole)
}

/** 16 random bytes as Kafka writes its ids; one that begins with "-" would read as an option. */
function randomId(): string {
  for (;;) {
    const id = randomBytes(16).toString('base64url')
    if (!id.startsWith('-')) return id
  }
}

async function exists(file: string): Promise<boolean> {
  return (await stat(file).catch(() => undefined)) !== undefined
}
