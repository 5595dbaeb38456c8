import { isDeepStrictEqual } from 'node:util'
import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { EngineError } from '../base/errors.ts'
import { createBatchDecoder, createBatchEncoder, decodeBatch } from './batch-codec.ts'
import { ENCODED_RECORDS_MAX, STRUCT_FIELDS_MAX } from './column-format.ts'
import { OBJECT_CODES_MAX } from './object-code.ts'
import { valueToBytes } from './value-codec.ts'

function encode(
  values: readonly unknown[],
  timestamps: readonly number[] = values.map((_, i) => i),
): Uint8Array<ArrayBuffer> {
  return createBatchEncoder().encode(values, timestamps, values.length)
}

/** Deeply equal by Object.is and prototype; equal bytes of the value codec say that the order of keys is the same, too. */
function expectRoundTrip(values: readonly unknown[], timestamps: readonly number[] = values.map((_, i) => i)): void {
  const back = decodeBatch(encode(values, timestamps))
  if (!isDeepStrictEqual(back.values, values)) expect(back.values).toStrictEqual(values)
  expect(Buffer.compare(valueToBytes(back.values), valueToBytes(values))).toBe(0)
  expect(back.timestamps).toEqual(timestamps)
}

function repeat<T>(count: number, make: (index: number) => T): T[] {
  return Array.from({ length: count }, (_, i) => make(i))
}

const units = fc.array(fc.integer({ min: 0xd7f0, max: 0xe00f })).map((codes) => String.fromCharCode(...codes))
const COLUMN_KINDS: readonly fc.Arbitrary<unknown>[] = [
  fc.constantFrom(0, 7, -0, 'same', null, undefined, true, Number.NaN, 1.5),
  fc.integer({ min: -5, max: 250 }),
  fc.integer({ min: 1000, max: 60_000 }),
  fc.integer(),
  fc.maxSafeInteger(),
  fc.double(),
  fc.oneof(fc.integer(), fc.constantFrom(-0, Number.NaN, 0.5, Number.NEGATIVE_INFINITY)),
  fc.boolean(),
  fc.string({ maxLength: 5 }),
  fc.string({ minLength: 10, maxLength: 40 }),
  fc.string({ unit: 'binary' }),
  units,
  fc.constantFrom('ATL', 'ORD', 'DFW', 'a longer name of one'),
  fc.oneof(fc.string(), fc.integer()),
  fc.bigInt(),
  fc.date(),
  fc.anything({ withBigInt: true, withDate: true, withMap: true, withSet: true, withTypedArray: true }),
  fc.record({ x: fc.integer(), y: fc.string() }),
  fc.record({ x: fc.integer(), inner: fc.record({ z: fc.boolean(), deep: fc.record({ s: fc.string() }) }) }),
]
const anyColumn = fc
  .constantFrom(...COLUMN_KINDS)
  .chain((kind) =>
    fc.constantFrom(
      kind,
      kind,
      fc.option(kind),
      fc.option(kind, { nil: undefined }),
      fc.oneof(kind, fc.constantFrom(null, undefined)),
    ),
  )
const anyKey = fc.oneof(
  fc.string({ maxLength: 6 }),
  fc.constantFrom('__proto__', 'constructor', '1', '0', 'a', 'b', "'", '\u2028'),
)
const anyBatch = fc.oneof(
  {
    weight: 4,
    arbitrary: fc
      .uniqueArray(fc.tuple(anyKey, anyColumn), { selector: ([key]) => key, maxLength: 6 })
      .chain((fields) => fc.array(recordOf(fields), { maxLength: 80, size: 'max' })),
  },
  { weight: 2, arbitrary: anyColumn.chain((column) => fc.array(column, { maxLength: 80, size: 'max' })) },
)

/** Objects with the keys in this order. */
function recordOf(fields: readonly (readonly [string, fc.Arbitrary<unknown>])[]): fc.Arbitrary<object> {
  return fc.tuple(...fields.map(([, values]) => values)).map((values) => {
    const record = {}
    for (const [i, [key]] of fields.entries()) {
      Object.defineProperty(record, key, { value: values[i], enumerable: true, configurable: true, writable: true })
    }
    return record
  })
}

test('the bytes of a batch are frozen in format version 1', () => {
  const batch = repeat(8, (i) => ({ n: i, s: `k${i}`, ok: i < 4, same: 'x', f: i / 2, opt: i === 7 ? 300 : null }))
  const hex = [
    'b70108',
    '0180a0abfef96201',
    '0001020304050607',
    '0813',
    '06016e',
    '0173',
    '026f6b',
    '0473616d65',
    '0166',
    '036f7074',
    '0100010001020304050607',
    '040400',
    '6b306b316b326b336b346b356b366b37',
    '030f',
    '00a178',
    '02' + repeat(8, (i) => Buffer.from(new Float64Array([i / 2]).buffer).toString('hex')).join(''),
    '070080',
    '01d80400',
  ].join('')
  const timestamps = repeat(8, (i) => 1_700_000_000_000 + i)
  expect(Buffer.from(encode(batch, timestamps)).toString('hex')).toBe(hex)
  expect(decodeBatch(Buffer.from(hex, 'hex'))).toStrictEqual({ values: batch, timestamps })
})

test('any batch comes back as it was, with the order of keys', () => {
  fc.assert(
    fc.property(anyBatch, (batch) => expectRoundTrip(batch)),
    { numRuns: 600 },
  )
})

test('one encoder and one decoder serve batches of all kinds in turn', () => {
  const encoder = createBatchEncoder()
  const decoder = createBatchDecoder()
  fc.assert(
    fc.property(anyBatch, (batch) => {
      const back = decoder.decode(
        encoder.encode(
          batch,
          batch.map(() => 5),
          batch.length,
        ),
      )
      expect(isDeepStrictEqual(back.values, batch)).toBe(true)
    }),
    { numRuns: 200 },
  )
})

test('the same batch gives the same bytes, whatever was encoded before', () => {
  fc.assert(
    fc.property(anyBatch, anyBatch, (before, batch) => {
      const used = createBatchEncoder()
      used.encode(
        before,
        before.map(() => 1),
        before.length,
      )
      expect(
        Buffer.compare(
          used.encode(
            batch,
            batch.map(() => 2),
            batch.length,
          ),
          encode(
            batch,
            batch.map(() => 2),
          ),
        ),
      ).toBe(0)
    }),
  )
})

test.each([
  ['all none', repeat(20, () => Number.MIN_SAFE_INTEGER)],
  ['all last', repeat(20, () => Number.MAX_SAFE_INTEGER)],
  ['mixed with none', repeat(20, (i) => (i % 3 === 0 ? Number.MIN_SAFE_INTEGER : 1_700_000_000_000 + i))],
  ['both ends', [Number.MIN_SAFE_INTEGER, Number.MAX_SAFE_INTEGER, 0, -1]],
  ['near the end', [Number.MAX_SAFE_INTEGER - 3, Number.MAX_SAFE_INTEGER]],
  ['falling', repeat(20, (i) => -i * 1_000_000)],
])('timestamps come back: %s', (_, timestamps) => {
  expectRoundTrip(
    timestamps.map(() => 1),
    timestamps,
  )
})

test('a timestamp that is the same for all takes a few bytes', () => {
  const without = repeat(512, () => 'x')
  expect(
    encode(
      without,
      repeat(512, () => Number.MIN_SAFE_INTEGER),
    ).length,
  ).toBeLessThan(20)
})

test('an undefined field, a missing one and null are three things', () => {
  const plain = repeat(20, (i) => ({ a: i, b: i }))
  expectRoundTrip(plain.map((r, i) => (i === 7 ? { a: 1, b: undefined } : r)))
  expectRoundTrip(plain.map((r, i) => (i === 7 ? { a: 1 } : r)))
  expectRoundTrip(plain.map((r, i) => (i === 7 ? { a: 1, b: null } : i === 9 ? { a: 1, b: undefined } : r)))
  expectRoundTrip(plain.map((r, i) => (i === 7 ? { b: 1, a: 1 } : r)))
})

test('-0, NaN and infinities keep their column exact', () => {
  for (const odd of [-0, Number.NaN, Number.POSITIVE_INFINITY, 0.1, 2 ** 53, -(2 ** 60)]) {
    expectRoundTrip(repeat(20, (i) => ({ n: i === 13 ? odd : i })))
    expectRoundTrip(repeat(20, () => ({ n: odd })))
  }
})

test('objects of other kinds among plain ones are not taken for plain ones', () => {
  const plain = repeat(20, (i): object => ({ a: i }))
  for (const other of [
    [1],
    new Map([['a', 1]]),
    new Date(3),
    Object.assign(Object.create(null), { a: 1 }),
    { a: { a: 1 } },
    {},
  ]) {
    expectRoundTrip(plain.map((record, i) => (i === 11 ? other : record)))
  }
})

test('nothing that others added to Object.prototype gets into a batch', () => {
  Reflect.set(Object.prototype, 'polluted', 1)
  try {
    const batch = repeat(20, (i) => ({ a: i }))
    const polluted = repeat(20, (i) => ({ a: i, polluted: i }))
    expect(decodeBatch(encode(batch)).values.map((value) => Object.keys(value as object))).toEqual(
      repeat(20, () => ['a']),
    )
    expect(
      decodeBatch(encode([...polluted, ...batch])).values.map((value) => Object.keys(value as object).length),
    ).toEqual([...repeat(20, () => 2), ...repeat(20, () => 1)])
  } finally {
    Reflect.deleteProperty(Object.prototype, 'polluted')
  }
})

test('integers come back at the edges of every width', () => {
  for (const range of [0, 255, 256, 65_535, 65_536, 2 ** 32 - 1, 2 ** 32, 2 ** 53 - 1]) {
    for (const min of [0, -1, -range]) expectRoundTrip([min, min + range].filter(Number.isSafeInteger))
  }
  expectRoundTrip([Number.MIN_SAFE_INTEGER, Number.MAX_SAFE_INTEGER])
})

test('a dictionary is found where few strings repeat, and is not needed to come back', () => {
  const few = repeat(512, (i) => ({ city: ['Berlin', 'Zürich', 'a rather long name of a place'][i % 3] }))
  expectRoundTrip(few)
  expect(
    encode(
      few,
      repeat(512, () => 0),
    ).length,
  ).toBeLessThan(600)
  expectRoundTrip(repeat(512, (i) => `only the first are alike ${i < 64 ? 0 : i}`))
  expectRoundTrip(repeat(600, (i) => `k${i % 256}`.padEnd(6, String(i % 2))))
})

test('many fields, deep objects and many shapes come back', () => {
  const wide = (fields: number): object[] =>
    repeat(9, (i) => Object.fromEntries(repeat(fields, (f) => [`field${f}`, i * f])))
  expectRoundTrip(wide(STRUCT_FIELDS_MAX))
  expectRoundTrip(wide(STRUCT_FIELDS_MAX + 1))
  const deep = (levels: number, i: number): object => ({ i, inner: levels === 0 ? null : deep(levels - 1, i) })
  for (const levels of [6, 7, 8, 9, 30]) expectRoundTrip(repeat(9, (i) => deep(levels, i)))
  for (let shape = 0; shape < OBJECT_CODES_MAX + 20; shape++)
    expectRoundTrip(repeat(8, (i) => ({ [`key${shape}`]: i })))
})

test('the largest batch comes back, whatever its columns claim to hold', () => {
  const constant = Object.fromEntries(repeat(70, (f) => [`f${f}`, 0]))
  const batch = repeat(ENCODED_RECORDS_MAX, () => constant)
  const back = decodeBatch(
    encode(
      batch,
      repeat(ENCODED_RECORDS_MAX, () => 1),
    ),
  )
  expect(back.values.length).toBe(ENCODED_RECORDS_MAX)
  expect(back.values.at(-1)).toEqual(constant)
})

test('long texts of a column are joined in parts or not at all', () => {
  expectRoundTrip(repeat(20, (i) => `${i}`.repeat(100_000)))
})

test('the bytes own their whole buffer and are not written again', () => {
  const encoder = createBatchEncoder()
  for (const size of [0, 1, 500]) {
    const bytes = encoder.encode(
      repeat(500, (i) => i * 1000),
      repeat(500, (i) => i),
      size,
    )
    const copy = Uint8Array.from(bytes)
    expect([bytes.byteOffset, bytes.buffer.byteLength]).toEqual([0, bytes.length])
    encoder.encode(
      repeat(500, () => 'other'),
      repeat(500, () => 0),
      500,
    )
    expect(Buffer.compare(bytes, copy)).toBe(0)
    expect(structuredClone(bytes.buffer, { transfer: [bytes.buffer] }).byteLength).toBe(copy.length)
  }
})

test('only the first records are encoded when fewer are asked for', () => {
  const bytes = createBatchEncoder().encode(['a', 'b', 'c'], [1, 2, 3], 2)
  expect(decodeBatch(bytes)).toEqual({ values: ['a', 'b'], timestamps: [1, 2] })
})

test('bytes at any position of a larger buffer can be decoded', () => {
  const bytes = encode(repeat(20, (i) => ({ i, f: i / 3, s: `s${i}` })))
  const larger = new Uint8Array(bytes.length + 7)
  for (let offset = 0; offset < 7; offset++) {
    larger.set(bytes, offset)
    expect(decodeBatch(larger.subarray(offset, offset + bytes.length)).values).toHaveLength(20)
  }
})

test('a record that cannot be encoded is named, and the encoder goes on', () => {
  const encoder = createBatchEncoder()
  const batch = repeat(20, (i): object => ({ id: i, call: i === 4 ? () => 1 : null }))
  const message = expect.stringMatching(
    /^the field \.call of record 5 of a batch of 20 cannot be encoded: it is a function/,
  )
  const stamps = repeat(20, (i) => i)
  expect(() => encoder.encode(batch, stamps, 20)).toThrow(expect.objectContaining({ code: 'SER1001', message }))
  expect(decodeBatch(encoder.encode(['a'], [1], 1)).values).toEqual(['a'])
})

test('a timestamp that is no safe integer is our bug', () => {
  expect(() => encode([1], [0.5])).toThrow(/timestamps are checked/)
  expect(() => createBatchEncoder().encode([1], [], 1)).toThrow(/a timestamp for each record/)
})

/** Magic, version, one or eight records, timestamps 0. */
const ONE = 'b70101010000'
const EIGHT = 'b70108010000'

test.each([
  ['', /expected a byte/],
  ['b8', /this is no batch/],
  ['b702', /format version 2, known is 1/],
  ['b701ffffff7f', /records, the limit is 65536/],
  ['b7010105', /column kind 5 does not hold timestamps/],
  ['b7010102000000000000e03f', /0.5 is no timestamp/],
  ['b701020100030000', /3 is no width/],
  ['b7010801fcffffffffffff1f010001020304050607', /longer than 53 bits/],
  [`${ONE}0100000000`, /a batch ends here/],
  [`${ONE}0a`, /10 is no kind of column/],
  [`${EIGHT}0100010001`, /expected a column of integers/],
  [`${EIGHT}020001`, /expected a column of numbers/],
  [`${EIGHT}03`, /expected a column of booleans/],
  [`${ONE}0302`, /bits behind the last record/],
  [`${ONE}040100`, /the length of a string is negative/],
  [`${EIGHT}040400`, /expected the text of a column/],
  [`${EIGHT}050400`, /strings of 16 bytes are promised, but only 0/],
  [`${ONE}040200ff`, /not ASCII/],
  [`${ONE}050200ff`, /not UTF-8/],
  [`${EIGHT}0600040200610001`, /expected indexes/],
  [`${EIGHT}0600040200610000000000000100`, /no entry 1/],
  [`${ONE}060001`, /1 is no kind of column/],
  [`${ONE}0703`, /3 is no kind of missing/],
  [`${ONE}070000`, /a nullable column has no value/],
  [`${ONE}0801000100`, /a struct has 0 fields/],
  [`${ONE}0805020161016100`, /the same key twice/],
  [`${ONE}080401016100`, /the keys of a struct ends here/],
  [ONE + '0700010700010700010700010700010700010700010700010700010100', /nested deeper than 8 levels/],
])('case %#: bytes that nobody wrote are refused', (hex, message) => {
  const expected = expect.objectContaining({ code: 'SER1002', message: expect.stringMatching(message) })
  expect(() => decodeBatch(Buffer.from(hex, 'hex'))).toThrow(expected)
})

test('few bytes cannot claim to hold more values than the limit', () => {
  const keys = repeat(200, (i) => `01${(0x20 + (i >> 4)).toString(16)}`)
  const distinct = Buffer.concat([
    Buffer.from([200, 1]),
    ...keys.map((_, i) => Buffer.from([2, 0x41 + (i >> 4), 0x41 + (i & 15)])),
  ])
  const head = Buffer.from('b70180800401000008', 'hex')
  const length = Buffer.from([(distinct.length & 0x7f) | 0x80, distinct.length >> 7])
  const columns = Buffer.concat(repeat(200, () => Buffer.from([0, 0])))
  expect(() => decodeBatch(Buffer.concat([head, length, distinct, columns]))).toThrow(
    /a batch holds more than 4194304 values/,
  )
})

test('damaged bytes end in SER1002 or in another batch, never otherwise', () => {
  const damage = fc.array(fc.tuple(fc.nat(), fc.nat(255)), { minLength: 1, maxLength: 4 })
  fc.assert(
    fc.property(anyBatch, damage, fc.nat(), (batch, changes, cut) => {
      const bytes = encode(batch)
      for (const [at, byte] of changes) bytes[at % bytes.length] = byte
      for (const damaged of [bytes, bytes.subarray(0, cut % (bytes.length + 1))]) {
        try {
          decodeBatch(damaged)
        } catch (error) {
          if (!(error instanceof EngineError) || error.code !== 'SER1002') throw error
        }
      }
    }),
    { numRuns: 1000 },
  )
})
