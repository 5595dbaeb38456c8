import { describe, expect, test } from 'vitest'
import { param, rawParams, readParams } from './param.ts'

const DECLARED = {
  input: param.path(),
  lateness: param.duration('48h'),
  rate: param.number().optional(),
  limit: param.integer(10),
  strict: param.boolean(true),
  mode: param.choice(['fast', 'safe'], 'safe'),
}

describe('declared parameters', () => {
  test('texts become values, defaults fill in, optional ones may be missing', () => {
    expect(readParams('job', DECLARED, { input: 'data', strict: 'false' })).toEqual({
      input: 'data',
      lateness: '48h',
      rate: undefined,
      limit: 10,
      strict: false,
      mode: 'safe',
    })
    expect(readParams('job', DECLARED, { input: 'x', rate: '2.5', limit: '-3', mode: 'fast' })).toMatchObject({
      rate: 2.5,
      limit: -3,
      mode: 'fast',
    })
  })

  test('an unknown parameter is an error that names the known ones', () => {
    expect(() => readParams('job', DECLARED, { input: 'x', imput: 'y' })).toThrow(
      expect.objectContaining({
        code: 'CFG1004',
        message:
          'job "job" has no parameter "imput". It was not started. Its parameters are input, lateness, rate, limit, strict, mode.',
      }),
    )
  })

  test('a missing parameter is an error that says how to give it', () => {
    expect(() => readParams('job', DECLARED, {})).toThrow(
      expect.objectContaining({ code: 'CFG1004', message: expect.stringContaining('--param input=…') }),
    )
  })

  test('all values that do not fit are named at once', () => {
    const raw = { input: '', lateness: '48', rate: 'x', limit: '1.5', strict: 'yes', mode: 'slow' }
    expect(() => readParams('job', DECLARED, raw)).toThrow(
      expect.objectContaining({
        code: 'CFG1005',
        message: expect.stringMatching(
          /"input".*"lateness".*"rate".*"limit".*"strict".*"mode" is "slow", not one of "fast", "safe"/,
        ),
      }),
    )
  })
})

describe('raw parameters', () => {
  test('reading by name records the name', () => {
    const read = new Set<string>()
    const params = rawParams('job', { input: 'data' }, read)
    expect(params['input']).toBe('data')
    expect('output' in params).toBe(false)
    expect([...read]).toEqual(['input', 'output'])
  })

  test('reading one that was not given is an error, not undefined', () => {
    const params = rawParams('job', {}, new Set())
    expect(() => params['input']).toThrow(expect.objectContaining({ code: 'CFG1004' }))
  })
})
