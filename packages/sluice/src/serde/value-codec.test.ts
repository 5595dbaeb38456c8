import { isDeepStrictEqual } from 'node:util'
import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { ByteReader, ByteWriter } from '../base/bytes.ts'
import { EngineError } from '../base/errors.ts'
import { SHAPES_MAX, SHAPE_KEYS_MAX, ShapeTable } from './shape-table.ts'
import { bytesToValue, decodeValue, encodeValue, valueToBytes } from './value-codec.ts'

const anyValue = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.anything({ withBigInt: true, withDate: true, withMap: true, withSet: true, withTypedArray: true }),
  },
  {
    weight: 1,
    arbitrary: fc.anything({
      withNullPrototype: true,
      maxDepth: 4,
      key: fc.constantFrom('a', 'b', '__proto__', '1', 'x y'),
    }),
  },
  { weight: 1, arbitrary: fc.oneof(fc.bigInt(), fc.double(), fc.maxSafeInteger(), fc.string({ unit: 'binary' })) },
)

function hexOf(value: unknown): string {
  return Buffer.from(valueToBytes(value)).toString('hex')
}

function fromHex(hex: string): unknown {
  return bytesToValue(Buffer.from(hex, 'hex'))
}

/** Deeply equal by Object.is and prototype; equal bytes say that the order of keys is the same, too. */
function expectSame(actual: unknown, expected: unknown): void {
  if (!isDeepStrictEqual(actual, expected)) expect(actual).toStrictEqual(expected)
  expect(hexOf(actual)).toBe(hexOf(expected))
}

test.each([
  [0, '00'],
  [127, '7f'],
  [-1, 'ff'],
  [-32, 'e0'],
  [-33, 'c441'],
  [128, 'c48002'],
  [-0, 'c50000000000000080'],
  [0.5, 'c5000000000000e03f'],
  [2 ** 53, 'c50000000000004043'],
  [Number.NaN, 'c5000000000000f87f'],
  [undefined, 'c0'],
  [null, 'c1'],
  [false, 'c2'],
  [true, 'c3'],
  ['', 'a0'],
  ['ok', 'a26f6b'],
  ['ä', 'a2c3a4'],
  ['abcdefghijklmnopqrstuvwxyzabcdef', 'c6206162636465666768696a6b6c6d6e6f707172737475767778797a616263646566'],
  [7n, 'c70e'],
  [-(2n ** 64n), 'c813010000000000000000'],
  [new Date(1), 'c9000000000000f03f'],
  [Uint8Array.of(1, 2), 'ca00020102'],
  [Int16Array.of(-2), 'ca0402feff'],
  [[1, 'a'], 'cb0201a161'],
  [new Map([['a', 1]]), 'cc01a16101'],
  [new Set([1]), 'cd0101'],
  [{ a: 1 }, 'ce01016101'],
  [[{ a: 1 }, { a: 2 }], 'cb02ce010161018002'],
  [Object.create(null), 'd100'],
])('the bytes of %o are frozen in format version 1', (value, hex) => {
  expect(hexOf(value)).toBe(hex)
  expectSame(fromHex(hex), value)
})

test('any value comes back as it was, with the order of its keys', () => {
  fc.assert(
    fc.property(anyValue, (value) => expectSame(bytesToValue(valueToBytes(value)), value)),
    { numRuns: 2000 },
  )
})

test('many values of one chunk come back in order', () => {
  fc.assert(
    fc.property(fc.array(anyValue, { maxLength: 30 }), (values) => {
      const out = new ByteWriter()
      const shapes = new ShapeTable()
      for (const value of values) encodeValue(out, value, shapes)
      const reader = new ByteReader(out.take())
      const readShapes = new ShapeTable()
      for (const value of values) expectSame(decodeValue(reader, readShapes), value)
      reader.finish('the chunk')
    }),
  )
})

test('all typed arrays come back with their kind and their own memory', () => {
  const memory = new Uint8Array(64).map((_, i) => i * 5)
  const kinds = [Uint8Array, Int8Array, Uint8ClampedArray, Int16Array, Uint16Array, Int32Array, Uint32Array]
  const wide = [Float32Array, Float64Array, BigInt64Array, BigUint64Array]
  for (const Kind of [...kinds, ...wide]) {
    const value = new Kind(memory.buffer, 16, 2)
    const back = bytesToValue(valueToBytes(value))
    expectSame(back, value)
    expect(back instanceof Kind && back.buffer.byteLength === value.byteLength).toBe(true)
  }
  const buffer = Buffer.from('bytes')
  const back = bytesToValue(valueToBytes({ buffer }))
  expect(back).toStrictEqual({ buffer })
})

test('holes of an array become undefined', () => {
  const holes: unknown[] = [1]
  holes[3] = 2
  expect(bytesToValue(valueToBytes(holes))).toStrictEqual([1, undefined, undefined, 2])
})

test('a key named __proto__ is a field like any other', () => {
  const records = Array.from({ length: 200 }, (_, i): unknown => JSON.parse(`{"a":1,"__proto__":{"x":${i}}}`))
  for (const record of records) expect(Object.keys(record as object)).toEqual(['a', '__proto__'])
  const back = bytesToValue(valueToBytes(records))
  expectSame(back, records)
  expect(Object.hasOwn(Object.prototype, 'x')).toBe(false)
})

test('objects of one shape are the same before and after code is generated for them', () => {
  const records = Array.from({ length: 500 }, (_, i) => ({
    id: i,
    'a "quoted" key\n': `v${i}`,
    nested: { deep: [i, { id: i }] },
  }))
  expectSame(bytesToValue(valueToBytes(records)), records)
})

test('more shapes than the table holds, and shapes with too many keys, still come back', () => {
  const dictionaries = Array.from({ length: SHAPES_MAX + 50 }, (_, i) => ({ [`key ${i}`]: i, same: true }))
  expectSame(bytesToValue(valueToBytes([...dictionaries, ...dictionaries])), [...dictionaries, ...dictionaries])
  const wide = Object.fromEntries(Array.from({ length: SHAPE_KEYS_MAX + 1 }, (_, i) => [`k${i}`, i]))
  expectSame(bytesToValue(valueToBytes([wide, wide])), [wide, wide])
})

class Money {
  amount = 1
}

function nested(levels: number): unknown {
  let value: unknown = 1
  for (let i = 0; i < levels; i++) value = i % 2 === 0 ? [value] : { value }
  return value
}

const cycle: { self?: unknown } = {}
cycle.self = cycle

test.each([
  [() => 1, /^a record or state value cannot be encoded: it is a function\. /],
  [
    { user: { tags: ['a', 'b', 'c', Symbol('s')] } },
    /^the field \.user\.tags\[3\] of a record or state value .* it is a symbol\. /,
  ],
  [{ 'a b': [new Money()] }, /^the field \["a b"\]\[0\] of .* it is an instance of Money\. .*plain object/],
  [new Map([['k', { f: () => 1 }]]), /^the field \.get\("k"\)\.f of .* it is a function/],
  [new Map([[new Money(), 1]]), /^the field \.keys\(an object\) of .* Money/],
  [new Set([1, /x/]), /^the field \.values\(1\) of .* an instance of RegExp/],
  [[new Error('x')], /^the field \[0\] of .* an instance of Error/],
  [{ later: Promise.resolve(1) }, /^the field \.later of .* it is a promise\. .*asynchronous operator/],
  [new (class extends Map {})(), /an instance of an unnamed class/],
  [new DataView(new ArrayBuffer(1)), /an instance of DataView/],
  [new ArrayBuffer(1), /an instance of ArrayBuffer/],
  [cycle, /^the field (\.self){12}… of .* nested deeper than 200 levels or refers to itself/],
  [nested(201), /nested deeper than 200 levels/],
])('case %#: what cannot be encoded is refused with its path', (value, message) => {
  const expected = expect.objectContaining({ code: 'SER1001', message: expect.stringMatching(message) })
  expect(() => valueToBytes(value)).toThrow(expected)
})

test('200 levels are not too deep', () => {
  expectSame(bytesToValue(valueToBytes(nested(200))), nested(200))
})

test('a refused value leaves the chunk as it was', () => {
  const out = new ByteWriter()
  const shapes = new ShapeTable()
  encodeValue(out, { a: 1 }, shapes)
  const before = Buffer.from(out.view()).toString('hex')
  expect(() => encodeValue(out, { a: 1, b: { c: 1, d: () => 1 } }, shapes)).toThrow(/\.b\.d/)
  expect(Buffer.from(out.view()).toString('hex')).toBe(before)
  encodeValue(out, { a: 1, b: { c: 1, d: 2 } }, shapes)
  const reader = new ByteReader(out.take())
  const readShapes = new ShapeTable()
  expect(decodeValue(reader, readShapes)).toEqual({ a: 1 })
  expect(decodeValue(reader, readShapes)).toEqual({ a: 1, b: { c: 1, d: 2 } })
})

test('the error of a getter passes through', () => {
  const value = {
    get broken(): number {
      throw new RangeError('from the getter')
    },
  }
  expect(() => valueToBytes(value)).toThrow(RangeError)
  expect(valueToBytes(1)).toEqual(Uint8Array.of(1))
})

test('a getter may encode another value meanwhile', () => {
  const value = {
    a: 1,
    get bytes(): Uint8Array {
      return valueToBytes({ b: 2 })
    },
  }
  expect(bytesToValue(valueToBytes(value))).toEqual({ a: 1, bytes: valueToBytes({ b: 2 }) })
})

test.each([
  ['', /expected a byte/],
  ['d3', /0xd3 is no tag/],
  ['df', /0xdf is no tag/],
  ['0000', /a value ends here, but 1 more bytes/],
  ['80', /an object has shape 0, but only 0 shapes/],
  ['cf05', /an object has shape 5, but only 0 shapes/],
  ['ce020161016101', /the same key twice/],
  ['d0020161016101', /the same key twice/],
  ['cbffffffff0f', /expected 4294967295 elements of an array/],
  ['ccffffffff0f', /expected 4294967295 entries of a map/],
  ['cdffffffff0f', /expected 4294967295 elements of a set/],
  ['ceffffffff0f', /expected 4294967295 keys of an object/],
  ['cc02a16101a16102', /a map has the same key twice/],
  ['cd020101', /a set has the same element twice/],
  ['ca630100', /99 is no kind of typed array/],
  ['ca0403010203', /ends within an element/],
  ['ca00ffffffff0f', /expected bytes/],
  ['c80200', /a short bigint/],
  ['c8ffffffff0f', /expected bytes/],
  ['c9000000000000e03f', /0.5 is no time of a date/],
  ['cb01'.repeat(201) + '00', /nested deeper than 200 levels/],
  ['ce010161' + '80'.repeat(300), /nested deeper than 200 levels/],
  ['a1ff', /not UTF-8/],
])('case %#: bytes that nobody wrote are refused', (hex, message) => {
  expect(() => fromHex(hex)).toThrow(
    expect.objectContaining({ code: 'SER1002', message: expect.stringMatching(message) }),
  )
})

test('a numbered shape beyond the limits is refused', () => {
  const keys = Array.from({ length: SHAPE_KEYS_MAX + 1 }, (_, i) => `k${i}`)
  const out = new ByteWriter()
  out.u8(0xce)
  out.varint(keys.length)
  for (const key of keys) out.string(key)
  for (const _ of keys) out.u8(0)
  expect(() => bytesToValue(out.take())).toThrow(/a shape beyond the limits/)
})

test('damaged bytes end in SER1002 or in another value, never otherwise', () => {
  const damage = fc.array(fc.tuple(fc.nat(), fc.nat(255)), { minLength: 1, maxLength: 4 })
  fc.assert(
    fc.property(anyValue, damage, fc.nat(), (value, changes, cut) => {
      const bytes = valueToBytes(value)
      for (const [at, byte] of changes) bytes[at % bytes.length] = byte
      for (const damaged of [bytes, bytes.subarray(0, cut % (bytes.length + 1))]) {
        try {
          bytesToValue(damaged)
        } catch (error) {
          if (!(error instanceof EngineError) || error.code !== 'SER1002') throw error
        }
      }
    }),
    { numRuns: 3000 },
  )
})
