/** Progress as text: one line for logs, a block of lines for terminals. */
import type { JobStatus } from '../jobmanager/job-status.ts'
import type { VertexStatus } from '../jobmanager/task-statistics.ts'
import { bytesText, countText, durationText, rateText, shareText, watermarkText } from './format.ts'
import type { Losses, Progress } from './progress.ts'

export function progressLine(progress: Progress): string {
  return [
    `${progress.state} ${durationText(progress.elapsedMs)}`,
    `in ${countText(progress.recordsIn)} (${rateText(progress.inPerSecond)})`,
    `out ${countText(progress.recordsOut)} (${rateText(progress.outPerSecond)})`,
    `watermark ${watermarkText(progress.watermark)}`,
    checkpointText(progress),
    `busy ${shareText(progress.busyRatio)}`,
    `blocked ${shareText(progress.backPressuredRatio)}`,
    ...(progress.restartCount === 0 ? [] : [`restarts ${progress.restartCount}`]),
    ...lossTexts(progress.losses),
  ].join(', ')
}

/** @param name of the job */
export function progressBlock(name: string, progress: Progress, { vertices }: JobStatus): readonly string[] {
  const head = [
    name,
    progress.state,
    durationText(progress.elapsedMs),
    checkpointText(progress),
    `restarts ${progress.restartCount}`,
  ]
  const rates = [
    `in ${countText(progress.recordsIn)} (${rateText(progress.inPerSecond)})`,
    `out ${countText(progress.recordsOut)} (${rateText(progress.outPerSecond)})`,
    `watermark ${watermarkText(progress.watermark)}`,
    ...lossTexts(progress.losses),
  ]
  return [head.join('  '), rates.join('  '), ...vertexLines(vertices)]
}

function lossTexts({ late, deadLettered, skipped }: Losses): readonly string[] {
  const named = [
    ['late', late],
    ['dead-lettered', deadLettered],
    ['skipped', skipped],
  ] as const
  return named.flatMap(([name, count]) => (count === 0 ? [] : [`${name} ${countText(count)}`]))
}

function checkpointText({ lastCheckpoint }: Progress): string {
  if (lastCheckpoint === undefined) return 'no checkpoint yet'
  const { checkpoint, ageMs, durationMs, stateBytes } = lastCheckpoint
  return `checkpoint ${checkpoint} ${durationText(ageMs)} ago (${durationText(durationMs)}, ${bytesText(stateBytes)})`
}

/** With eight digits of records a row still fits into 80 columns. */
const NAME_WIDTH_MAX = 24

function vertexLines(vertices: readonly VertexStatus[]): readonly string[] {
  const rows = vertices.map((vertex) => [
    clipped(vertex.name),
    `x${vertex.parallelism}`,
    `in ${countText(vertex.recordsIn)}`,
    `out ${countText(vertex.recordsOut)}`,
    `busy ${shareText(vertex.busyRatio)}`,
    `blocked ${shareText(vertex.backPressuredRatio)}`,
  ])
  return table(rows).map((line) => `  ${line}`)
}

function clipped(name: string): string {
  return name.length <= NAME_WIDTH_MAX ? name : `${name.slice(0, NAME_WIDTH_MAX - 1)}…`
}

/** Columns of equal width, two spaces apart. */
export function table(rows: readonly (readonly string[])[]): readonly string[] {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)))
  return rows.map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd(),
  )
}
