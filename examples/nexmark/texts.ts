/** Texts of events, written as bytes into one buffer: a text costs one call and one allocation, however long it is. */
import { Buffer } from 'node:buffer'
import type { EventRandom } from './random.ts'

const LETTERS = 26
const LETTER_A = 0x61
const BLANK = 0x20
/** One letter in this many is the special character. */
const SPECIAL_SHARE = 13
const LETTERS_PER_NUMBER = 6
/** Longer than any text that is asked for. */
const BUFFER_BYTES = 4096
/** All triples of letters as three bytes each, by the number whose digits to the base 26 they are, lowest digit first. */
const TRIPLES = LETTERS ** 3
const TRIPLE_BYTES = tripleBytes()

const buffer = Buffer.alloc(BUFFER_BYTES)

/** Letters and blanks, 3 to `lengthMax - 1` characters before blanks are cut off at both ends. */
export function wordsFrom(random: EventRandom, lengthMax: number): string {
  const length = fill(random, lengthMax, BLANK)
  let start = 0
  let end = length
  while (start < end && buffer[start] === BLANK) start++
  while (end > start && buffer[end - 1] === BLANK) end--
  return buffer.toString('latin1', start, end)
}

/** The same with a special character that is never cut off. */
export function textFrom(random: EventRandom, lengthMax: number, special: '_'): string {
  return buffer.toString('latin1', 0, fill(random, lengthMax, special.charCodeAt(0)))
}

/** Fills a record of `currentLength` characters up to about `averageLength`, so that records have the sizes that they are to have. */
export function extraFrom(random: EventRandom, currentLength: number, averageLength: number): string {
  const missing = averageLength - currentLength
  if (missing < 0) return ''
  const delta = Math.floor((missing + 2) / 5)
  const length = missing - delta + (delta === 0 ? 0 : random.below(2 * delta))
  for (let at = 0; at < length; at += LETTERS_PER_NUMBER) writeLetters(at, random.next())
  return buffer.toString('latin1', 0, length)
}

function fill(random: EventRandom, lengthMax: number, special: number): number {
  const length = 3 + random.below(lengthMax - 3)
  for (let at = 0; at < length; at++)
    buffer[at] = random.below(SPECIAL_SHARE) === 0 ? special : LETTER_A + random.below(LETTERS)
  return length
}

/** Six letters: what is behind the end of the text is overwritten or left out. */
function writeLetters(at: number, number: number): void {
  const low = (number % TRIPLES) * 3
  const high = (Math.floor(number / TRIPLES) % TRIPLES) * 3
  buffer[at] = TRIPLE_BYTES[low]! // both are below the length of the table
  buffer[at + 1] = TRIPLE_BYTES[low + 1]! // as above
  buffer[at + 2] = TRIPLE_BYTES[low + 2]! // as above
  buffer[at + 3] = TRIPLE_BYTES[high]! // as above
  buffer[at + 4] = TRIPLE_BYTES[high + 1]! // as above
  buffer[at + 5] = TRIPLE_BYTES[high + 2]! // as above
}

function tripleBytes(): Uint8Array {
  const bytes = new Uint8Array(TRIPLES * 3)
  for (let triple = 0; triple < TRIPLES; triple++) {
    for (let digit = 0; digit < 3; digit++)
      bytes[triple * 3 + digit] = LETTER_A + (Math.floor(triple / LETTERS ** digit) % LETTERS)
  }
  return bytes
}
