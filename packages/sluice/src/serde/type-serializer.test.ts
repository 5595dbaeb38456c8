import { expect, test } from 'vitest'
import { ByteReader, ByteWriter } from '../base/bytes.ts'
import { ShapeTable } from './shape-table.ts'
import { anySerializer } from './type-serializer.ts'

test('the serializer for values without a declared type names its format and version', () => {
  expect([anySerializer.id, anySerializer.version]).toEqual(['value', 1])
})

test('it writes and reads the values of a chunk with one table of shapes', () => {
  const values = [{ count: 1 }, { count: 2 }, 'text', undefined]
  const out = new ByteWriter()
  const shapes = new ShapeTable()
  for (const value of values) anySerializer.write(out, value, shapes)
  const reader = new ByteReader(out.take())
  const readShapes = new ShapeTable()
  expect(values.map(() => anySerializer.read(reader, readShapes))).toStrictEqual(values)
  expect(reader.remaining).toBe(0)
})
