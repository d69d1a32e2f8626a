/** Where the stack talks to a person: short lines, each with the time since it began. */
export interface Progress {
  say(text: string): void
  /** Something went wrong but the stack goes on. */
  warn(text: string): void
}

/** Lines such as ` 3.2 s  mongod answers`, written through `write`. */
export function createProgress(write: (text: string) => void, now = performance.now()): Progress {
  const line = (text: string): void => {
    const seconds = ((performance.now() - now) / 1000).toFixed(1).padStart(6)
    write(`${seconds} s  ${text}\n`)
  }
  return { say: line, warn: (text) => line(`! ${text}`) }
}

export const silentProgress: Progress = { say: () => undefined, warn: () => undefined }

/** 46 100 000 as `46.1 MB`. */
export function megabytes(bytes: number): string {
  return `${(bytes / 1e6).toFixed(1)} MB`
}
