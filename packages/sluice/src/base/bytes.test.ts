import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { ByteReader, ByteWriter, WRITER_BYTES_RETAINED_MAX, crc32 } from './bytes.ts'

const safeInteger = fc.maxSafeInteger()
const anyUnits = fc
  .array(fc.oneof(fc.integer({ min: 0, max: 0xffff }), fc.integer({ min: 0xd7f0, max: 0xe00f })))
  .map((units) => String.fromCharCode(...units))
const text = fc.oneof(
  fc.string(),
  fc.string({ unit: 'binary' }),
  anyUnits,
  fc.string({ minLength: 20, maxLength: 300 }),
)

function written(write: (out: ByteWriter) => void): string {
  const out = new ByteWriter(1)
  write(out)
  return Buffer.from(out.view()).toString('hex')
}

function reader(hex: string): ByteReader {
  return new ByteReader(Buffer.from(hex, 'hex'))
}

test('numbers have the bytes of the specification', () => {
  expect(written((out) => out.u8(0xab))).toBe('ab')
  expect(written((out) => out.u16(0x0102))).toBe('0201')
  expect(written((out) => out.u32(0xfffe_fdfc))).toBe('fcfdfeff')
  expect(written((out) => out.i32(-2))).toBe('feffffff')
  expect(written((out) => out.f64(1.5))).toBe('000000000000f83f')
  expect(written((out) => out.f64(-0))).toBe('0000000000000080')
  expect(written((out) => out.f64(Number.NaN))).toBe('000000000000f87f')
  expect(written((out) => out.varint(0))).toBe('00')
  expect(written((out) => out.varint(127))).toBe('7f')
  expect(written((out) => out.varint(128))).toBe('8001')
  expect(written((out) => out.varint(2 ** 32))).toBe('8080808010')
  expect(written((out) => out.varint(Number.MAX_SAFE_INTEGER))).toBe('ffffffffffffff0f')
  expect(written((out) => out.zigzag(-1))).toBe('01')
  expect(written((out) => out.zigzag(1))).toBe('02')
  expect(written((out) => out.zigzag(-64))).toBe('7f')
  expect(written((out) => out.zigzag(64))).toBe('8001')
  expect(written((out) => out.zigzag(-65))).toBe('8101')
  expect(written((out) => out.zigzag(Number.MAX_SAFE_INTEGER))).toBe('feffffffffffff1f')
  expect(written((out) => out.zigzag(Number.MIN_SAFE_INTEGER))).toBe('fdffffffffffff1f')
})

test('every NaN has the same bytes', () => {
  const odd = new DataView(new ArrayBuffer(8))
  odd.setBigUint64(0, 0xfff8_0000_0000_0123n)
  expect(written((out) => out.f64(odd.getFloat64(0)))).toBe('000000000000f87f')
})

test('numbers come back as they were', () => {
  fc.assert(
    fc.property(fc.nat(), safeInteger, fc.double(), fc.integer(), (natural, integer, double, int32) => {
      const out = new ByteWriter(1)
      out.varint(natural)
      out.varint(Math.abs(integer))
      out.zigzag(integer)
      out.f64(double)
      out.i32(int32)
      out.u32(int32 >>> 0)
      out.u16(int32 & 0xffff)
      const back = new ByteReader(out.take())
      expect(back.varint()).toBe(natural)
      expect(back.varint()).toBe(Math.abs(integer))
      expect(back.zigzag()).toBe(integer)
      expect(back.f64()).toBe(double)
      expect(back.i32()).toBe(int32)
      expect(back.u32()).toBe(int32 >>> 0)
      expect(back.u16()).toBe(int32 & 0xffff)
      expect(back.remaining).toBe(0)
    }),
  )
})

test('a varint is refused for fractions, negative and unsafe numbers', () => {
  for (const value of [1.5, -1, 2 ** 53, Number.NaN, Number.POSITIVE_INFINITY]) {
    expect(() => new ByteWriter().varint(value)).toThrow(/varint is a safe integer/)
  }
  for (const value of [0.5, 100.5, 2 ** 53, Number.NaN]) {
    expect(() => new ByteWriter().zigzag(value)).toThrow(/zigzag is a safe integer/)
  }
})

test('strings are UTF-8 behind their length in bytes', () => {
  expect(written((out) => out.string(''))).toBe('00')
  expect(written((out) => out.string('abc'))).toBe('03616263')
  expect(written((out) => out.string('ä'))).toBe('02c3a4')
  expect(written((out) => out.string('\ud83d\ude00'))).toBe('04f09f9880')
  expect(written((out) => out.string('\ud83d'))).toBe('03eda0bd')
})

test('every string comes back as it was, lone surrogates included', () => {
  fc.assert(
    fc.property(fc.array(text), (strings) => {
      const out = new ByteWriter(1)
      for (const string of strings) out.string(string)
      const bytes = out.take()
      const back = new ByteReader(bytes)
      for (const string of strings) {
        const start = back.position
        expect(back.string()).toBe(string)
        if (!string.isWellFormed()) continue
        const [plain, read] = [Buffer.from(string, 'utf8'), bytes.subarray(start, back.position)]
        expect(Buffer.compare(read.subarray(read.length - plain.length), plain)).toBe(0)
      }
      expect(back.remaining).toBe(0)
    }),
    { numRuns: 300 },
  )
})

test('a long string with a lone surrogate comes back', () => {
  const string = `${'xy\ud800\ude00'.repeat(5000)}\udc00`
  const out = new ByteWriter()
  out.string(string)
  expect(new ByteReader(out.take()).string() === string).toBe(true)
})

test.each([
  ['an overlong form', '02c080'],
  ['an overlong form of three bytes', '03e08080'],
  ['a surrogate pair as two characters', '06eda0bdedb880'],
  ['a lone continuation byte', '0180'],
  ['a byte that is never used', '01ff'],
  ['a character that is cut off', '03f09f98'],
  ['a character behind the last one', '04f4908080'],
  ['a lead byte without continuation', '02c341'],
  ['a damaged character of a long string', '0d616161616161616161616161c3'],
])('a string with %s is refused', (_, hex) => {
  expect(() => reader(hex).string()).toThrow(/not UTF-8/)
})

test('the replacement character itself is an ordinary character', () => {
  expect(reader('03efbfbd').string()).toBe('\ufffd')
})

test('reading past the end says what was expected and where', () => {
  const cases: readonly [string, (bytes: ByteReader) => unknown, RegExp][] = [
    ['', (bytes) => bytes.u8(), /expected a byte \(1 bytes\), but only 0 bytes are left \(offset 0 of 0\)/],
    ['01', (bytes) => bytes.u16(), /expected a u16/],
    ['010203', (bytes) => bytes.u32(), /expected a u32 \(4 bytes\), but only 3/],
    ['010203', (bytes) => bytes.i32(), /expected an i32/],
    ['01020304050607', (bytes) => bytes.f64(), /expected an f64/],
    ['80', (bytes) => bytes.varint(), /expected a byte/],
    [
      '05616263',
      (bytes) => bytes.string(),
      /expected a string \(5 bytes\), but only 3 bytes are left \(offset 1 of 4\)/,
    ],
    ['0361', (bytes) => bytes.lengthPrefixed(), /expected bytes \(3 bytes\)/],
    ['01', (bytes) => bytes.slice(2), /expected bytes/],
    ['01', (bytes) => bytes.skip(2), /expected bytes to skip/],
    ['ffffffffffffff0f', (bytes) => bytes.string(), /expected a string \(9007199254740991 bytes\)/],
    ['0a01', (bytes) => bytes.count(2, 'pairs'), /expected 10 pairs \(20 bytes\)/],
  ]
  for (const [hex, read, message] of cases) {
    expect(() => read(reader(hex))).toThrow(
      expect.objectContaining({ code: 'SER1002', message: expect.stringMatching(message) }),
    )
  }
})

test('integers beyond 53 bits are refused', () => {
  expect(() => reader('ffffffffffffff10').varint()).toThrow(/longer than 53 bits/)
  expect(() => reader('ffffffffffffffff01').varint()).toThrow(/longer than 53 bits/)
  expect(() => reader('ffffffffffffff1f').zigzag()).toThrow(/longer than 53 bits/)
  expect(() => reader('8080808080808020').zigzag()).toThrow(/longer than 53 bits/)
})

test('bytes behind the end are refused', () => {
  expect(() => reader('0102').finish('a value')).toThrow(/a value ends here, but 2 more bytes follow/)
  expect(() => reader('').finish('a value')).not.toThrow()
})

test('slices are views of what is read, in order', () => {
  const bytes = Uint8Array.of(9, 2, 7, 8, 1)
  const back = new ByteReader(bytes.subarray(1))
  const slice = back.lengthPrefixed()
  expect([...slice]).toEqual([7, 8])
  expect(slice.buffer).toBe(bytes.buffer)
  expect([back.position, back.remaining]).toEqual([3, 1])
  back.skip(1)
  expect(back.remaining).toBe(0)
})

test.each([3, 64, 65, 5000])('what is taken owns its whole buffer of %i bytes and is never written again', (length) => {
  const out = new ByteWriter(16)
  out.bytes(new Uint8Array(length).fill(1))
  const taken = out.take()
  expect([taken.byteOffset, taken.buffer.byteLength, taken.length]).toEqual([0, length, length])
  expect(out.length).toBe(0)
  out.bytes(new Uint8Array(length).fill(2))
  expect(taken.every((byte) => byte === 1)).toBe(true)
})

test('a writer that is cut or reset goes on from there', () => {
  const out = new ByteWriter(2)
  out.string('abc')
  out.truncate(2)
  out.lengthPrefixed(Uint8Array.of(1, 2))
  expect([...out.view()]).toEqual([3, 97, 2, 1, 2])
  expect(() => out.truncate(6)).toThrow(/cut within what it holds/)
  out.reset()
  expect(out.view().length).toBe(0)
})

test('a writer gives much memory back when it is reset', () => {
  const out = new ByteWriter(64)
  out.bytes(new Uint8Array(WRITER_BYTES_RETAINED_MAX + 1))
  expect(out.buffer.length).toBeGreaterThan(WRITER_BYTES_RETAINED_MAX)
  out.reset()
  expect(out.buffer.length).toBe(64)
})

test('a string that is not short ASCII leaves nothing behind', () => {
  const out = new ByteWriter(1)
  expect(out.shortAscii('abcdefghijk', 0xa0)).toBe(false)
  expect(out.shortAscii('abä', 0xa0)).toBe(false)
  expect(out.length).toBe(0)
  expect(out.shortAscii('ab', 0xa0)).toBe(true)
  expect([...out.view()]).toEqual([0xa2, 97, 98])
})

test('crc32 is the one of gzip and can be continued', () => {
  const bytes = Buffer.from('123456789')
  expect(crc32(bytes)).toBe(0xcbf43926)
  expect(crc32(bytes.subarray(4), crc32(bytes.subarray(0, 4)))).toBe(0xcbf43926)
})
