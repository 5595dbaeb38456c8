/** The parts of hyparquet-writer in use, loaded when the first Parquet file is written, so that other jobs start without it. */
import type { ByteWriter } from 'hyparquet-writer/src/bytewriter.js'
import type { ParquetWriter } from 'hyparquet-writer/src/parquet-writer.js'

export type ParquetWriterLibrary = Awaited<ReturnType<typeof load>>

/** A file that is being written into memory. */
export interface OpenParquet {
  readonly file: ParquetWriter
  readonly memory: ByteWriter
}

let loading: Promise<ParquetWriterLibrary> | undefined

export function loadParquetWriter(): Promise<ParquetWriterLibrary> {
  return (loading ??= load())
}

/** Its types are those of the modules. */
async function load() {
  const [writer, bytes] = await Promise.all([
    import('hyparquet-writer/src/parquet-writer.js'),
    import('hyparquet-writer/src/bytewriter.js'),
  ])
  return { ParquetWriter: writer.ParquetWriter, ByteWriter: bytes.ByteWriter }
}
