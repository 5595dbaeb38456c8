import { describe, expect, test } from 'vitest'
import { diskConformance } from '../../test/disk-conformance.ts'
import { tempFolder } from '../../test/temp-folder.ts'
import { MemoryDisk } from '../testing/memory-disk.ts'
import { diskOperation } from './disk-failures.ts'
import { nodeDisk } from './node-disk.ts'

describe('the disk of this process', () => diskConformance(() => ({ disk: nodeDisk, root: tempFolder() })))

describe('the disk in memory', () => {
  diskConformance(() => {
    const disk = new MemoryDisk()
    void disk.makeDirectory('/root')
    return { disk, root: '/root' }
  })
})

test.for([
  ['ENOSPC', 'no-space'],
  ['EDQUOT', 'no-space'],
  ['EFBIG', 'no-space'],
  ['EACCES', 'denied'],
  ['EROFS', 'denied'],
  ['EIO', 'io'],
  ['EMFILE', 'io'],
])('a failure with %s is called %s', async ([errno, kind]) => {
  const refuse = (): Promise<never> => Promise.reject(Object.assign(new TypeError('refused'), { code: errno }))
  await expect(diskOperation('write', '/a', refuse)).rejects.toMatchObject({ kind })
})

test.skipIf(process.platform !== 'linux')(
  'a directory that cannot exist is refused and not tried for ever',
  async () => {
    await expect(nodeDisk.makeDirectory('/proc/sluice/state')).rejects.toMatchObject({ kind: 'denied' })
  },
)
