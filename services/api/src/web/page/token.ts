import { $, setText, typed } from './dom.ts'

const STORED = 'tapedeck-token'
const WHY_NONE = 'Reading needs a token of the api.'
const WHY_OTHER = 'The api does not know this token, or no longer. Reading needs another one.'
/** Links of the page to what the api answers. */
const LINKS = 'a[href^="/api/"], a[href="/metrics"]'

let isAsking = false
/** Whether the viewer closed the dialog without a token; the button in the top line asks again. */
let isDeclined = false

/** The token that was given in this tab. */
export function storedToken(): string | undefined {
  try {
    return sessionStorage.getItem(STORED) ?? undefined
  } catch {
    // Storage is switched off: a token is asked for whenever one is needed.
    return undefined
  }
}

export function keepToken(token: string): void {
  try {
    sessionStorage.setItem(STORED, token)
  } catch {
    // Storage is switched off.
  }
}

/** Forgets a token that the api refused, unless another one is kept. */
export function forgetToken(token: string): void {
  if (storedToken() === token) sessionStorage.removeItem(STORED)
}

/** Asks for a token in a dialog; empty when it is cancelled. */
export function askToken(why: string): Promise<string> {
  const dialog = typed('token-dialog', HTMLDialogElement)
  setText($('token-reason'), why)
  typed('token-input', HTMLInputElement).value = ''
  dialog.returnValue = ''
  if (!dialog.open) dialog.showModal()
  return new Promise((resolve) => {
    dialog.addEventListener('close', () => resolve(dialog.returnValue), { once: true })
  })
}

/** A read was refused: asks for a token, once for all reads, and begins again with it. */
export function needToken(hasOne: boolean): void {
  $('token-button').hidden = false
  if (!isDeclined) void askToRead(hasOne)
}

async function askToRead(hasOne: boolean): Promise<void> {
  if (isAsking) return
  isAsking = true
  const token = await askToken(hasOne ? WHY_OTHER : WHY_NONE)
  isAsking = false
  isDeclined = token === ''
  if (isDeclined) return
  keepToken(token)
  location.reload()
}

export function setUpToken(): void {
  const dialog = typed('token-dialog', HTMLDialogElement)
  typed('token-form', HTMLFormElement).addEventListener('submit', (event) => {
    event.preventDefault()
    dialog.close(typed('token-input', HTMLInputElement).value.trim())
  })
  $('token-cancel').addEventListener('click', () => dialog.close(''))
  $('token-button').addEventListener('click', () => void askToRead(storedToken() !== undefined))
  document.addEventListener('click', (event) => {
    const link = event.target instanceof Element ? event.target.closest(LINKS) : null
    const token = storedToken()
    if (!(link instanceof HTMLAnchorElement) || token === undefined) return
    event.preventDefault()
    void (link.target === '_blank' ? openPage : openWithToken)(link.href, token)
  })
}

/** Shows an answer of the api. A link alone would bring no token. */
async function openWithToken(url: string, token: string): Promise<void> {
  const answer = await fetch(url, { headers: { authorization: `Bearer ${token}` } })
  location.assign(URL.createObjectURL(await answer.blob()))
}

/**
 * Opens a page that the api answers, such as a report. As a blob it would be under the policy of this page, which forbids its
 * styles: so the token stands in its address, where it is needed.
 */
async function openPage(url: string, token: string): Promise<void> {
  const { status } = await fetch(url, { method: 'HEAD' })
  const address = status === 401 ? `${url}?token=${encodeURIComponent(token)}` : url
  window.open(address, '_blank', 'noopener')
}
