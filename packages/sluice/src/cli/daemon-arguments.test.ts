import { describe, expect, test } from 'vitest'
import { parseArguments } from './arguments.ts'

const parse = (...words: readonly string[]) => parseArguments(words, '1.2.3')

describe('sluice jobmanager', () => {
  test('flags are options of the table, and -D sets any of them', () => {
    expect(
      parse('jobmanager', '--storage', '/mnt/s', '--rest-port', '0', '-D', 'leader.lease=3s', '-D', 'log.level=debug'),
    ).toMatchObject({
      kind: 'jobmanager',
      layer: {
        origin: 'command line',
        values: { 'cluster.storage': '/mnt/s', 'rest.port': '0', 'leader.lease': '3s', 'log.level': 'debug' },
      },
      form: 'text',
    })
  })

  test('a flag is stronger than -D for the same option', () => {
    expect(parse('jobmanager', '--port', '7000', '-D', 'jobmanager.port=1')).toMatchObject({
      layer: { values: { 'jobmanager.port': '7000' } },
    })
  })

  test('secrets come from files', () => {
    expect(
      parse(
        'jobmanager',
        '--secret-file',
        's',
        '--token-file',
        't',
        '--tls-cert',
        'c',
        '--tls-key',
        'k',
        '--tls-ca',
        'a',
      ),
    ).toMatchObject({
      security: { secretFile: 's', tokenFile: 't', tlsCert: 'c', tlsKey: 'k', tlsCa: 'a' },
    })
  })

  test('-D needs a name and a value', () => {
    expect(() => parse('jobmanager', '-D', 'leader.lease')).toThrow(expect.objectContaining({ code: 'CLI1001' }))
  })
})

describe('sluice taskmanager', () => {
  test('JobManagers are given by comma or one by one', () => {
    expect(parse('taskmanager', '--jobmanager', 'a:1,b:2', '--jobmanager', '[::1]:3', '--slots', '4')).toMatchObject({
      jobManagers: [
        { host: 'a', port: 1 },
        { host: 'b', port: 2 },
        { host: '::1', port: 3 },
      ],
      layer: { values: { 'taskmanager.slots': '4' } },
    })
    expect(parse('taskmanager')).toMatchObject({ jobManagers: [{ host: '127.0.0.1', port: 6123 }] })
  })

  test.each(['localhost', 'localhost:0', 'localhost:65536', 'http://x:1', ':1', '::1:3'])(
    '%s is no address',
    (word) => {
      expect(() => parse('taskmanager', '--jobmanager', word)).toThrow(
        expect.objectContaining({ code: 'CLI1001', message: expect.stringContaining('Write host:port') }),
      )
    },
  )
})

test.each(['a b', '../x', '-x', '', 'a/b', 'x'.repeat(101), 'a\n'])('%j is no name of a process', (id) => {
  for (const role of ['jobmanager', 'taskmanager'])
    expect(() => parse(role, `--id=${id}`)).toThrow(
      expect.objectContaining({ code: 'CLI1001', message: expect.stringContaining('is no name') }),
    )
})

describe('sluice cluster', () => {
  test('has a size, and options for all of its processes', () => {
    expect(
      parse('cluster', 'start', '--taskmanagers', '3', '--slots', '2', '-D', 'heartbeat.timeout=3s'),
    ).toMatchObject({
      action: 'start',
      jobManagerCount: 1,
      taskManagerCount: 3,
      slotCount: 2,
      settings: { 'heartbeat.timeout': '3s' },
    })
    expect(parse('cluster', 'stop', '--dir', 'x', '--json')).toMatchObject({ action: 'stop', dir: 'x', form: 'json' })
  })

  test.each(['0', '-1', 'two', '1.5', '65'])('%s TaskManagers cannot be started', (count) => {
    expect(() => parse('cluster', 'start', `--taskmanagers=${count}`)).toThrow(
      expect.objectContaining({ code: 'CLI1001', message: expect.stringContaining('from 1 to 64') }),
    )
  })

  test('a misspelt flag names the one that was meant', () => {
    expect(() => parse('cluster', 'start', '--taskmanager', '3')).toThrow('Did you mean --taskmanagers?')
  })
})

describe('sluice run --jobmanager', () => {
  test('hands the job to a cluster and follows it, unless it is told otherwise', () => {
    const words = ['run', 'job.ts', '--jobmanager', 'http://h:1'] as const
    expect(parse(...words, '--fresh', '--param', 'a=b', '--parallelism', '2')).toMatchObject({
      kind: 'submit',
      jobManager: 'http://h:1',
      start: 'fresh',
      params: { a: 'b' },
      layer: { values: { parallelism: '2' } },
      attachment: 'follow',
    })
    expect(parse(...words, '--detached')).toMatchObject({ attachment: 'detach' })
    expect(parse(...words, '--stop-on-exit')).toMatchObject({ attachment: 'own' })
  })

  test.each([
    [['--jobmanager', 'http://h:1', '--state-dir', 's'], '--state-dir is for jobs in this process'],
    [['--detached'], '--detached is for jobs of a cluster'],
    [['--jobmanager', 'http://h:1', '--detached', '--stop-on-exit'], '--detached does not wait'],
  ])('%j contradict each other', (flags, words) => {
    expect(() => parse('run', 'job.ts', ...flags)).toThrow(
      expect.objectContaining({ code: 'CLI1001', message: expect.stringContaining(words) }),
    )
  })
})
