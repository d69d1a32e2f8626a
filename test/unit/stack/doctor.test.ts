import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import {
  checkAvx,
  checkGlibc,
  checkKernel,
  checkNode,
  renderDiagnosis
} from '@tapedeck/stack/testing'

describe('the doctor', () => {
  it('finds a processor without AVX', () => {
    assert.equal(checkAvx('x64', 'flags\t\t: fpu sse4_2 avx avx2').state, 'found')
    assert.equal(checkAvx('x64', 'flags\t\t: fpu sse4_2').state, 'missing')
    assert.equal(checkAvx('arm64', undefined).state, 'note')
  })

  it('finds a glibc for which mongod cannot be fetched', () => {
    assert.equal(checkGlibc('2.36').state, 'found')
    assert.equal(checkGlibc('2.31').state, 'note')
    assert.equal(checkGlibc(undefined).state, 'note')
  })

  it('warns of MongoDB 8 on the kernels it is not safe on', { skip: notLinux() }, () => {
    assert.equal(checkKernel('8.0.20', '6.19.2-generic').state, 'missing')
    assert.equal(checkKernel('8.0.20', '7.0.14').state, 'found')
    assert.equal(checkKernel('7.0.41', '6.19.2').state, 'found')
  })

  it('puts the remedy below its check', () => {
    const checks = [checkNode('24.21.0'), checkNode('20.0.0')]
    const text = renderDiagnosis({ checks, canStart: false })
    assert.match(text, /Node\.js {2}ok {7}24\.21\.0/)
    assert.match(text, /MISSING {2}20\.0\.0.*\n +-> npm ci/)
    assert.match(text, /cannot start/)
  })
})

function notLinux(): string | false {
  return process.platform === 'linux' ? false : 'a caveat of Linux kernels'
}
