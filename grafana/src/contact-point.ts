import { about, optional, Secret, secret, url, type Variable } from '@tapedeck/core'

/** The name of the contact point; rules name it as their receiver. */
export const CONTACT_POINT = 'tapedeck'
const UID = 'tapedeck-webhook'

/** Where Grafana sends alerts; whoever knows such an address can often write there, so it is a secret. */
export const ALERT_VARIABLES = {
  GRAFANA_ALERT_WEBHOOK: about(
    'Address that Grafana posts its alerts to; a contact point of your own unless given',
    optional(secretAddress())
  )
} as const

function secretAddress(): Variable<Secret> {
  const { expected, parse } = url(undefined, ['http:', 'https:'])
  return {
    ...secret(),
    expected,
    parse(found) {
      const parsed = parse(found)
      return parsed === undefined ? undefined : new Secret(parsed)
    }
  }
}

/** A contact point in the fields of Grafana's HTTP API. */
export interface ContactPoint {
  readonly uid: string
  readonly name: string
  readonly type: string
  readonly settings: Readonly<Record<string, unknown>>
  readonly disableResolveMessage: boolean
}

/** The one that posts each alert, and its end, to an address. */
export function contactPoint(webhook: Secret): ContactPoint {
  return contactPointTo(webhook.reveal())
}

function contactPointTo(address: string): ContactPoint {
  return {
    uid: UID,
    name: CONTACT_POINT,
    type: 'webhook',
    settings: { url: address, httpMethod: 'POST' },
    disableResolveMessage: false
  }
}

/**
 * It as a file of Grafana's provisioning folder; JSON is YAML too. Grafana replaces `$NAME` in values by its environment,
 * so a `$` of the address is doubled.
 * @param webhook without it the file names GRAFANA_ALERT_WEBHOOK of Grafana's environment
 */
export function renderContactPoint(webhook?: Secret): string {
  const address = webhook?.reveal().replaceAll('$', '$$$$') ?? '$GRAFANA_ALERT_WEBHOOK'
  const { uid, name, type, settings, disableResolveMessage } = contactPointTo(address)
  const receivers = [{ uid, type, settings, disableResolveMessage }]
  const contactPoints = [{ orgId: 1, name, receivers }]
  return `${JSON.stringify({ apiVersion: 1, contactPoints }, undefined, 2)}\n`
}
