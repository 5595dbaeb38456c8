/** Numbers, times and sizes for people. */
import { MAX_WATERMARK, MIN_WATERMARK } from '../stream/element.ts'

/** `12,345,678`. Not by `Intl`: loading its tables takes longer than a short job. */
export function countText(count: number): string {
  return String(count).replace(/\B(?=(?:\d{3})+$)/g, ',')
}

const RATE_STEPS: readonly (readonly [number, string])[] = [
  [1e9, ' G'],
  [1e6, ' M'],
  [1e3, ' k'],
]

/** `1.23 M/s`. */
export function rateText(perSecond: number): string {
  const [unit, suffix] = RATE_STEPS.find(([step]) => perSecond >= step) ?? [1, '']
  return `${threeDigits(perSecond / unit)}${suffix}/s`
}

const SIZE_STEPS: readonly (readonly [number, string])[] = [
  [2 ** 30, 'GB'],
  [2 ** 20, 'MB'],
  [2 ** 10, 'KB'],
]

/** `18.2 MB`. */
export function bytesText(bytes: number): string {
  const [unit, suffix] = SIZE_STEPS.find(([step]) => bytes >= step) ?? [1, 'B']
  return `${threeDigits(bytes / unit)} ${suffix}`
}

/** `340 ms`, `3.2 s`, `2:05`, `1:02:05`. */
export function durationText(ms: number): string {
  if (ms < 1000) return `${Math.round(ms)} ms`
  const seconds = ms / 1000
  if (seconds < 60) return `${seconds.toFixed(1)} s`
  const whole = Math.round(seconds)
  const [h, m, s] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60]
  return h === 0 ? `${m}:${padded(s)}` : `${h}:${padded(m)}:${padded(s)}`
}

/** `78 %`. */
export function shareText(share: number): string {
  return `${Math.round(share * 100)} %`
}

/** The watermark as a moment, `–` before the first and `end` behind the last record. */
export function watermarkText(watermark: number): string {
  if (watermark === MIN_WATERMARK) return '–'
  if (watermark === MAX_WATERMARK) return 'end'
  const date = new Date(watermark)
  return Number.isNaN(date.getTime()) ? String(watermark) : date.toISOString()
}

function threeDigits(value: number): string {
  if (value >= 100 || Number.isInteger(value)) return value.toFixed(0)
  return value >= 10 ? value.toFixed(1) : value.toFixed(2)
}

function padded(value: number): string {
  return String(value).padStart(2, '0')
}
