import type { Disk } from '../base/env.ts'

/** Writes a whole file, with the folders above it. */
export async function writeFile(disk: Disk, path: string, content: string | Uint8Array): Promise<void> {
  const folder = path.slice(0, path.lastIndexOf('/'))
  if (folder !== '') await disk.makeDirectory(folder)
  const file = await disk.openWrite(path, 'truncate')
  await file.write(typeof content === 'string' ? new TextEncoder().encode(content) : content)
  await file.close()
}

/** Every file below a folder with its text. */
export async function readTree(disk: Disk, folder: string): Promise<Map<string, string>> {
  const files = new Map<string, string>()
  for (const { name, kind } of await disk.list(folder)) {
    const path = `${folder}/${name}`
    if (kind === 'file') files.set(path, new TextDecoder().decode(await disk.read(path)))
    else for (const [inner, text] of await readTree(disk, path)) files.set(inner, text)
  }
  return files
}
