import { fileURLToPath } from 'node:url'

/** Our sources, and the start script beside them. */
const OWN_FOLDERS = ['..', '../../bin/'].map((folder) => fileURLToPath(new URL(folder, import.meta.url)))

/** What we are built on. */
const OWN_PACKAGES = ['/node_modules/commander/', '/node_modules/hyparquet/']

/** The lines of a stack that are code of the user: neither ours nor Node's. */
export function userFrames(stack: string | undefined): readonly string[] {
  const frames = (stack ?? '').split('\n').filter((line) => /^\s+at /.test(line))
  return frames.filter(isUserFrame).map((line) => line.trim())
}

function isUserFrame(frame: string): boolean {
  if (frame.includes('(node:') || /at (?:async )?node:/.test(frame) || frame.includes('<anonymous>)')) return false
  return ![...OWN_FOLDERS, ...OWN_PACKAGES].some((folder) => frame.includes(folder))
}
