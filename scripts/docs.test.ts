import { describe, expect, test } from 'vitest'
import { brokenReferences, codeComplaints, codesIn } from './docs.ts'

const FILES = new Set(['docs/a.md', 'packages/sluice/src/task', 'packages/sluice/src/task/task-loop.ts', 'LICENSE'])

function broken(text: string): string[] {
  return brokenReferences({ path: 'docs/page.md', text }, (path) => FILES.has(path))
}

describe('references of a page', () => {
  test('links and named files that exist are fine', () => {
    expect(broken('[a](a.md#part) [l](../LICENSE) [w](https://example.org/x.md) `task/task-loop.ts`')).toEqual([])
  })

  test('a dead link and a named file that is gone are reported with their line', () => {
    expect(broken('\n[b](b.md)\n`task/gone.ts` `scripts/gone.ts`')).toEqual([
      'docs/page.md:2 links to docs/b.md, which does not exist',
      'docs/page.md:3 names task/gone.ts, which does not exist',
      'docs/page.md:3 names scripts/gone.ts, which does not exist',
    ])
  })

  test('files of the reader, and examples in code blocks, are not ours', () => {
    expect(broken('`my/job.ts` `job.ts`\n```sh\ncat `scripts/gone.ts`\n```\n')).toEqual([])
  })
})

describe('error codes', () => {
  test('are the keys of the table', () => {
    expect(codesIn(`export const T = {\n  INT1001: { title: 'x' },\n  'CKP1004': {},\n}`)).toEqual([
      'INT1001',
      'CKP1004',
    ])
  })

  test('each has a page and a use, each page a code', () => {
    expect(codeComplaints({ codes: ['A1001', 'B1001'], pages: ['B1001', 'C1001'], sourceText: `f('A1001')` })).toEqual([
      'A1001 has no page docs/errors/A1001.md',
      'B1001 is never used',
      'docs/errors/C1001.md: there is no such code',
    ])
  })
})
