import { expect, test } from 'vitest'
import { parseSize } from './size.ts'

test('a size is a number and a unit', () => {
  expect(['0b', '1b', '64kb', '1.5mb', '2 GB', '1tb'].map(parseSize)).toEqual([0, 1, 65536, 1572864, 2 ** 31, 2 ** 40])
})

test('anything else is refused, a bare number included', () => {
  for (const text of ['', '64', 'mb', '-1mb', '1e3kb', '64 mib', 'unlimited', '99999999999tb']) {
    expect(() => parseSize(text)).toThrow(expect.objectContaining({ code: 'CFG1002' }))
  }
})
