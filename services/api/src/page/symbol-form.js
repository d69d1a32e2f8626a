import { changeSymbols } from './market.js'
import { $, setText } from './svg.js'

const TOKEN = 'tapedeck-token'
let whenChanged = () => undefined

/** The line below the list that adds symbols. `changed` is called after each change. */
export function setUpSymbolForm(changed) {
  whenChanged = changed
  $('symbol-form').addEventListener('submit', (event) => {
    event.preventDefault()
    const symbols = $('symbol-input')
      .value.split(',')
      .map((one) => one.trim())
      .filter((one) => one !== '')
    if (symbols.length > 0) void change('POST', 'symbols', { symbols })
  })
  $('token-form').addEventListener('submit', (event) => {
    event.preventDefault()
    $('token-dialog').close($('token-input').value.trim())
  })
  $('token-cancel').addEventListener('click', () => $('token-dialog').close(''))
}

export function removeSymbol(symbol) {
  void change('DELETE', `symbols/${encodeURIComponent(symbol)}`)
}

async function change(method, path, body) {
  setText($('symbol-note'), '')
  const token = sessionStorage.getItem(TOKEN) ?? (await askToken())
  if (token === '') return
  try {
    const { changed } = await changeSymbols(method, path, token, body)
    sessionStorage.setItem(TOKEN, token)
    if (method === 'POST') $('symbol-input').value = ''
    const done = method === 'POST' ? 'added' : 'removed'
    setText($('symbol-note'), changed.length > 0 ? `${changed.join(', ')} ${done}` : 'No change')
    whenChanged()
  } catch (error) {
    // A wrong token is removed, so that the next try asks for it again.
    if (error.status === 401) sessionStorage.removeItem(TOKEN)
    else if (error.status !== undefined) sessionStorage.setItem(TOKEN, token)
    setText($('symbol-note'), error.message)
  }
}

/** The token: asked for once, kept until the tab is closed; empty when the dialog is cancelled. */
function askToken() {
  const dialog = $('token-dialog')
  $('token-input').value = ''
  dialog.returnValue = ''
  dialog.showModal()
  return new Promise((resolve) => {
    const close = () => {
      resolve(dialog.returnValue)
      dialog.returnValue = ''
    }
    dialog.addEventListener('close', close, { once: true })
  })
}
