import type { Clock } from '@tapedeck/core'
import type { Counts } from '../counts.ts'
import type { Admission } from '../feed/admission.ts'
import type { Audience } from '../feed/audience.ts'
import type { Session } from '../feed/session.ts'
import { contentOf, filled } from './content.ts'
import type { Fault } from './fault.ts'

/** What faults are done to. */
export interface FaultTargets {
  readonly audience: Audience
  readonly admission: Admission
  readonly counts: Counts
  readonly clock: Clock
}

/** Does a fault: to the handshakes to come, or to every connection that is open. */
export function performFault(fault: Fault, targets: FaultTargets): void {
  const { admission, audience } = targets
  const open = [...audience.sessions].filter(({ isOpen }) => isOpen)
  switch (fault.do) {
    case 'refuse':
      return admission.refuse(fault.status, fault.times)
    case 'accept':
      return admission.accept()
    case 'key':
      admission.keyRule = fault.rule
      return
    case 'limit':
      admission.maxSymbols = fault.symbols
      return
    case 'close':
      return open.forEach((one) => one.end(fault.code ?? 1000, fault.reason ?? ''))
    case 'cut':
      return open.forEach((one) => one.cut())
    case 'mute':
      return open.forEach((one) => (one.voice = fault.pings === false ? 'nothing' : 'pings'))
    case 'unmute':
      return open.forEach((one) => (one.voice = 'all'))
    case 'freeze':
      return open.forEach((one) => one.freeze())
    case 'thaw':
      return open.forEach((one) => one.thaw())
    case 'send':
      return inject(fault.text, fault.times ?? 1, open, targets)
    case 'content':
      return inject(contentOf(fault.content), fault.times ?? 1, open, targets)
    case 'repeat':
      return open.forEach((one) => one.repeat(fault.times, fault.frames))
    case 'wait':
  }
}

function inject(
  text: string,
  times: number,
  open: readonly Session[],
  { clock, counts }: FaultTargets
): void {
  for (const one of open) {
    for (let i = 0; i < times; i++) {
      if (one.inject(filled(text, clock.now(), one.subscribed))) counts.injected()
    }
  }
}
