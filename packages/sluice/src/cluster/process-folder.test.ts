import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { tempFolder } from '../../test/temp-folder.ts'
import { claimProcessFolder } from './process-folder.ts'
import { type ProcessIdentity, type ProcessTable, systemProcesses } from './process-identity.ts'

/** Processes that live until the test says otherwise. */
function processesOf(pid: number, gone: readonly number[] = []): ProcessTable {
  return {
    own: { host: 'here', pid, start: '1' },
    stateOf: (process: ProcessIdentity) =>
      process.host === 'here' ? (gone.includes(process.pid) ? 'gone' : 'alive') : 'foreign',
  }
}

describe('the folder of a process', () => {
  test('is there from the start and gone when it ends', () => {
    const parent = tempFolder()
    const folder = claimProcessFolder(parent, 'tm-1', processesOf(1))
    expect(folder.path).toBe(`${parent}/sluice-tm-1`)
    writeFileSync(`${folder.path}/bundle.mjs`, '')
    folder.remove()
    folder.remove()
    expect(readdirSync(parent)).toEqual([])
  })

  test('is removed by the next process when its own was killed', () => {
    const parent = tempFolder()
    const killed = claimProcessFolder(parent, 'killed', processesOf(1))
    mkdirSync(`${killed.path}/copies/42`, { recursive: true })
    const living = claimProcessFolder(parent, 'living', processesOf(2))
    claimProcessFolder(parent, 'next', processesOf(3, [1]))
    expect(existsSync(killed.path)).toBe(false)
    expect(existsSync(living.path)).toBe(true)
  })

  test('stays when its process runs on another machine, or when it does not say whose it is', () => {
    const parent = tempFolder()
    const elsewhere = { ...processesOf(1), own: { host: 'elsewhere', pid: 1, start: '1' } }
    claimProcessFolder(parent, 'elsewhere', elsewhere)
    for (const [name, owner] of [
      ['sluice-nobody', undefined],
      ['sluice-torn', '{"host":"here","pi'],
      ['sluice-strange', '{"host":"here","pid":"1"}'],
      ['other', JSON.stringify({ host: 'here', pid: 1, start: '1' })],
    ] as const) {
      mkdirSync(`${parent}/${name}`)
      if (owner !== undefined) writeFileSync(`${parent}/${name}/.owner`, owner)
    }
    claimProcessFolder(parent, 'next', processesOf(2, [1]))
    const left = ['other', 'sluice-elsewhere', 'sluice-next', 'sluice-nobody', 'sluice-strange', 'sluice-torn']
    expect(readdirSync(parent)).toEqual(left)
  })

  test('that cannot be made does not keep the process from starting', () => {
    const file = `${tempFolder()}/file`
    writeFileSync(file, '')
    expect(claimProcessFolder(file, 'tm-1', systemProcesses()).path).toBe(`${file}/sluice-tm-1`)
  })
})
