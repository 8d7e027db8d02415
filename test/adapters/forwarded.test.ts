import type { IncomingMessage } from 'node:http'
import { describe, expect, it } from 'vitest'
import {
  normalHost,
  normalOrigin,
  readForwarded,
  trustProxies,
} from '../../packages/trunkline/src/adapters/forwarded.ts'

const read = (
  remoteAddress: string | undefined,
  headers: Record<string, string | undefined> = {},
  proxies: string[] = [],
) => readForwarded({ socket: { remoteAddress }, headers } as unknown as IncomingMessage, trustProxies(proxies))

describe('a request without a proxy that is believed', () => {
  it.each([
    ['203.0.113.7', '203.0.113.7'],
    ['::ffff:203.0.113.7', '203.0.113.7'],
    ['::FFFF:203.0.113.7', '203.0.113.7'],
    ['2001:db8::1', '2001:db8::1'],
    ['fe80::1%eth0', 'fe80::1%eth0'],
    [undefined, undefined],
  ])('from %s is from %s, whatever it says itself', (peer, address) => {
    const spoofed = { 'x-forwarded-for': '10.0.0.1', 'x-forwarded-host': 'localhost', host: 'app.test' }
    expect(read(peer, spoofed)).toMatchObject({ address, host: 'app.test' })
  })

  it('believes nobody who is not in the list', () => {
    const headers = { 'x-forwarded-for': '198.51.100.1', 'x-forwarded-host': 'localhost', host: 'app.test' }
    expect(read('203.0.113.7', headers, ['10.0.0.0/8'])).toMatchObject({ address: '203.0.113.7', host: 'app.test' })
  })
})

describe('a chain of X-Forwarded-For behind 10.0.0.0/8 and 2001:db8::/32', () => {
  const proxies = ['10.0.0.0/8', '2001:db8::/32']

  it.each([
    ['is missing', undefined, '10.0.0.1'],
    ['is empty', '', '10.0.0.1'],
    ['has commas only', ' , ,', '10.0.0.1'],
    ['has the client', '203.0.113.7', '203.0.113.7'],
    ['has the client and a proxy', '203.0.113.7, 10.0.0.2', '203.0.113.7'],
    ['begins with a spoofed address', '127.0.0.1, 203.0.113.7', '203.0.113.7'],
    ['begins with a spoofed proxy', '10.9.9.9, 203.0.113.7, 10.0.0.2', '203.0.113.7'],
    ['begins with a spoofed chain', '1.1.1.1, 10.0.0.9, 203.0.113.7', '203.0.113.7'],
    ['is all proxies', '10.0.0.3, 10.0.0.2', '10.0.0.3'],
    ['has an IPv6 client', '2001:db9::7', '2001:db9::7'],
    ['has an IPv6 client in brackets', '[2001:db9::7]', '2001:db9::7'],
    ['has an IPv6 client with a port', '[2001:db9::7]:4711', '2001:db9::7'],
    ['has an IPv6 proxy', '203.0.113.7, 2001:db8::2', '203.0.113.7'],
    ['has a port', '203.0.113.7:4711', '203.0.113.7'],
    ['has a mapped address', '::ffff:203.0.113.7', '203.0.113.7'],
    ['has a mapped proxy', '203.0.113.7, ::ffff:10.0.0.2', '203.0.113.7'],
    ['has no spaces', '203.0.113.7,10.0.0.2', '203.0.113.7'],
    ['has words', 'unknown', '10.0.0.1'],
    ['has words behind the client', '203.0.113.7, unknown, 10.0.0.2', '10.0.0.2'],
    ['has a host name', 'localhost', '10.0.0.1'],
    ['has an address that is none', '256.1.1.1', '10.0.0.1'],
    ['has markup', '<script>', '10.0.0.1'],
    ['has a zone', 'fe80::1%eth0, 10.0.0.2', 'fe80::1%eth0'],
  ])('that %s: %s', (_what, chain, address) => {
    expect(read('10.0.0.1', { 'x-forwarded-for': chain }, proxies).address).toBe(address)
  })

  it('is believed on a Unix socket, which only a proxy opens', () => {
    expect(read(undefined, { 'x-forwarded-for': '203.0.113.7' }, proxies).address).toBe('203.0.113.7')
    expect(read(undefined, {}, proxies).address).toBeUndefined()
  })

  it.each([
    ['app.test', undefined, 'app.test'],
    ['inner', 'app.test', 'app.test'],
    ['inner', 'spoofed.test, app.test', 'app.test'],
    ['inner', ' ', 'inner'],
    [undefined, 'app.test', 'app.test'],
  ])('with Host %s and X-Forwarded-Host %j is for %s', (host, forwarded, expected) => {
    expect(read('10.0.0.1', { host, 'x-forwarded-host': forwarded }, proxies).host).toBe(expected)
  })
})

describe('trustedProxies', () => {
  it.each([
    ['127.0.0.1', '127.0.0.1', true],
    ['127.0.0.1', '127.0.0.2', false],
    ['10.0.0.0/8', '10.255.0.1', true],
    ['10.0.0.0/8', '11.0.0.1', false],
    ['10.0.0.0/32', '10.0.0.1', false],
    ['0.0.0.0/0', '203.0.113.7', true],
    ['::1', '::1', true],
    ['fd00::/8', 'fd12::1', true],
    ['fd00::/8', 'fe80::1', false],
    ['127.0.0.1', '::ffff:127.0.0.1', true],
  ])('%s: whether %s is one is %s', (proxy, peer, isTrusted) => {
    const { address } = read(peer, { 'x-forwarded-for': '198.51.100.1' }, [proxy])
    expect(address === '198.51.100.1').toBe(isTrusted)
  })

  it.each([
    '',
    '10.0.0.0/',
    '10.0.0.0/33',
    '10.0.0.0/-1',
    '10.0.0.0/8.5',
    '10.0.0.0/0x8',
    '10.0.0.0/ 8',
    '10.0.0.0/8/8',
    '::/129',
    'localhost',
    'proxy.test',
    '10.0.0',
    '*',
    7,
    null,
  ])('refuses %j', (proxy) => {
    const make = () => trustProxies([proxy as string])
    expect(make).toThrow(TypeError)
    expect(make).toThrow(`trustedProxies: "${proxy}" is neither`)
  })
})

describe('a host', () => {
  it.each([
    ['app.test', 'app.test'],
    ['APP.Test:8080', 'app.test'],
    ['127.1', '127.0.0.1'],
    ['0x7f.0.0.1', '127.0.0.1'],
    ['[::1]:3000', '[::1]'],
    ['[0:0:0:0:0:0:0:1]', '[::1]'],
    ['app.test.', 'app.test.'],
    ['user@app.test', undefined],
    ['app.test/path', undefined],
    ['app.test?x', undefined],
    ['app.test#x', undefined],
    ['app.test\\x', undefined],
    ['a b', undefined],
    ['app.test:99999', undefined],
    ['app.test:x', undefined],
    ['::1', undefined],
    ['', undefined],
  ])('%j is %j', (host, expected) => {
    expect(normalHost(host)).toBe(expected)
  })
})

describe('an origin', () => {
  it.each([
    ['https://app.test', 'https://app.test'],
    ['HTTPS://APP.test', 'https://app.test'],
    ['https://app.test:443', 'https://app.test'],
    ['http://app.test:80', 'http://app.test'],
    ['https://app.test:80', 'https://app.test:80'],
    ['http://[::1]:3000', 'http://[::1]:3000'],
    ['chrome-extension://ABC', 'chrome-extension://abc'],
    ['https://app.test.', 'https://app.test.'],
    ['https://app.test/', undefined],
    ['https://app.test/path', undefined],
    ['https://user@app.test', undefined],
    ['https://user:secret@app.test', undefined],
    ['https://app.test\\@evil.test', undefined],
    ['https://app.test evil.test', undefined],
    ['//app.test', undefined],
    ['app.test', undefined],
    ['file://', undefined],
    ['null', undefined],
    ['', undefined],
  ])('%j is %j', (origin, expected) => {
    expect(normalOrigin(origin)).toBe(expected)
  })
})
