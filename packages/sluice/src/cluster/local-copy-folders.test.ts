import { existsSync, mkdirSync } from 'node:fs'
import { expect, test } from 'vitest'
import { tempFolder } from '../../test/temp-folder.ts'
import { jobId } from '../base/ids.ts'
import { LocalCopyFolders } from './local-copy-folders.ts'

const A = jobId('a'.repeat(32))
const B = jobId('b'.repeat(32))
const nobody = (): boolean => false

function made(folder: string): string {
  mkdirSync(`${folder}/1`, { recursive: true })
  return folder
}

test('slots of one job share a folder, also when they come back', () => {
  const folders = new LocalCopyFolders(tempFolder())
  expect(folders.take(A, nobody)).toBe(folders.take(A, nobody))
  expect(folders.take(B, () => true)).not.toBe(folders.take(A, () => true))
})

test('a folder goes when its job has given its last slot back, and is not given out again', async () => {
  const folders = new LocalCopyFolders(tempFolder())
  const folder = made(folders.take(A, nobody))
  await folders.release(A)
  expect(existsSync(folder)).toBe(false)
  expect(folders.take(A, nobody)).not.toBe(folder)
})

test('a folder of a job that lost its slots goes when another job gets one', () => {
  const folders = new LocalCopyFolders(tempFolder())
  const lost = folders.take(A, nobody)
  folders.take(B, (job) => job === A)
  expect(folders.take(A, () => true)).toBe(lost)
  folders.take(B, nobody)
  expect(folders.take(A, nobody)).not.toBe(lost)
})
