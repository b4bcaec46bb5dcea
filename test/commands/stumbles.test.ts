// What a person meets who is new to it, or whose daemon is not as it was left: one line that says what, and one what to do.

import { writeFile } from 'node:fs/promises'
import net from 'node:net'
import { once } from 'node:events'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import test, { type ExecutionContext } from 'ava'
import { nearest } from '../../src/cli/command-not-found.ts'
import { formatLine } from '../../daemon/terminal-log.ts'
import { daemonHome, makeDaemonHome, removeHome } from '../daemon/daemon-process.ts'
import { launcher, r2dAt, run, type Outcome } from './command-line.ts'

interface Status {
  pid: number
  endpoint: string
  threads: number
}

async function home(t: ExecutionContext): Promise<(...args: string[]) => Promise<Outcome>> {
  const path = await makeDaemonHome()
  const at = (...args: string[]): Promise<Outcome> => r2dAt(path, args)
  t.teardown(async () => {
    await at('daemon', 'stop')
    await removeHome(path)
  })
  return at
}

async function statusOf(at: (...args: string[]) => Promise<Outcome>): Promise<Status> {
  return JSON.parse((await at('daemon', 'status', '--json')).stdout) as Status
}

/** A port that is taken until the test ends, and one that was free a moment ago. */
async function ports(t: ExecutionContext): Promise<{ taken: number; free: number }> {
  const servers = [net.createServer(), net.createServer()]
  const numbers = []
  for (const server of servers) {
    server.listen({ host: '127.0.0.1', port: 0 })
    await once(server, 'listening')
    numbers.push((server.address() as net.AddressInfo).port)
  }
  const [first, second] = servers
  second?.close()
  t.teardown(() => first?.close())
  return { taken: numbers[0] ?? 0, free: numbers[1] ?? 0 }
}

test('a restart keeps what the start was given, also after a kill', async t => {
  const at = await home(t)
  t.is((await at('daemon', 'start', '--threads', '3')).code, 0)
  const started = await statusOf(at)
  t.is(started.threads, 3)

  t.is((await at('daemon', 'restart')).code, 0)
  const restarted = await statusOf(at)
  t.is(restarted.threads, 3)
  t.not(restarted.pid, started.pid)

  process.kill(restarted.pid, 'SIGKILL')
  while ((await at('daemon', 'status')).code === 0) await delay(20)
  t.is((await at('daemon', 'restart')).code, 0)
  t.is((await statusOf(at)).threads, 3)
})

test('after a kill, status and logs say that it was one, and what to do', async t => {
  const at = await home(t)
  t.is((await at('daemon', 'start')).code, 0)
  process.kill((await statusOf(at)).pid, 'SIGKILL')
  let status = await at('daemon', 'status')
  while (status.code === 0) status = await at('daemon', 'status')

  t.is(status.code, 7)
  t.regex(status.stderr, /was killed.*\n.*Nothing acknowledged is lost.*r2d daemon start/)
  const logs = await at('daemon', 'logs')
  t.regex(logs.stdout, /serving/)
  t.regex(logs.stderr, /was killed/)

  t.is((await at('daemon', 'start')).code, 0)
  t.is((await at('daemon', 'logs')).stderr, '')
  t.is((await at('daemon', 'stop')).code, 0)
  const stopped = await at('daemon', 'status')
  t.regex(stopped.stderr, /No daemon is running on this home directory\n/)
  const nothing = await at('daemon', 'stop')
  t.is(nothing.code, 7)
  t.regex(nothing.stderr, /there is nothing to stop/)
  t.notRegex(nothing.stderr, /r2d up/)
})

test('a start that fails says why, as it does in the foreground, and not why an earlier one did', async t => {
  const at = await home(t)
  const { taken, free } = await ports(t)
  const port = String(taken)

  const first = await at('daemon', 'start', '--port', port)
  const second = await at('daemon', 'start', '--port', port)
  const foreground = await at('up', '--port', port)
  t.deepEqual([first.code, second.code, foreground.code], [2, 2, 2])
  t.regex(second.stderr, /^r2d: Cannot listen on 127\.0\.0\.1:\d+: the port is in use\nStop what/)
  t.is(second.stderr, first.stderr)
  t.is(second.stderr.match(/r2d: /g)?.length, 1)
  t.true(foreground.stderr.endsWith(second.stderr))
  t.is((await at('daemon', 'start', '--port', String(free))).code, 0)
})

test('an unknown command is a mistake in the usage, and the nearest one is named', async t => {
  const at = await home(t)
  const cases: [string[], RegExp][] = [
    [['cpp'], /Did you mean: r2d cp\n/],
    [['bucket', 'creat'], /Did you mean: r2d bucket create\n/],
    [['statsu'], /Did you mean: r2d status\n/],
    [['help', 'daemn', 'start'], /Did you mean: r2d daemon start\n/],
    [['xylophone'], /See r2d help\n/]
  ]
  for (const [args, words] of cases) {
    const { code, stderr } = await at(...args)
    t.is(code, 2, args.join(' '))
    t.regex(stderr, words)
  }

  t.is(nearest('lss', ['cp', 'ls', 'rm']), 'ls')
  t.is(nearest('', ['cp']), undefined)
})

test('help names a command as --help shows it', async t => {
  const at = await home(t)
  for (const command of [['cp'], ['bucket', 'lifecycle', 'set'], ['daemon']]) {
    const [asked, given] = [await at('help', ...command), await at(...command, '--help')]
    t.is(asked.code, 0)
    t.is(asked.stdout, given.stdout)
  }
  t.regex((await at('help')).stdout, /bucket/)
})

test('a reader that has had enough ends the command', async t => {
  const path = await daemonHome(t)
  const line = `"${process.execPath}" "${launcher}" help | head -1; echo "\${PIPESTATUS[0]}"`

  const { stdout, stderr } = await run(path, 'bash', ['-c', line])

  t.regex(stdout, /\n(0|141)\n$/)
  t.is(stderr, '')
})

test('a tree for a bucket that is not there is refused once', async t => {
  const at = await home(t)
  t.is((await at('daemon', 'start')).code, 0)
  const path = await daemonHome(t)
  for (const name of ['a', 'b', 'c']) await writeFile(join(path, name), name)

  const { code, stderr } = await at('cp', '-r', path, 'r2://no-such-bucket/x')

  t.is(code, 4)
  t.regex(stderr, /^r2d: no-such-bucket: .*NoSuchBucket.*\n$/)
})

test('rules on standard input that are none are refused by that name', async t => {
  const path = await daemonHome(t)
  for (const [input, words] of [
    ['', /^r2d: Standard input is empty\nGive the rules/],
    ['{]', /^r2d: Standard input is neither XML nor JSON\n/],
    ['{"rules":[{"allowed":1}]}', /^r2d: Standard input\.rules\[0\]\.allowed is not an object/]
  ] as const) {
    const args = ['bucket', 'cors', 'set', 'bucket', '--file', '-']
    const { code, stderr } = await r2dAt(path, args, { input: Buffer.from(input) })
    t.is(code, 2)
    t.regex(stderr, words)
  }
})

test('what r2d up says first is how to use it', async t => {
  const path = await makeDaemonHome()
  const at = (...args: string[]): Promise<Outcome> => r2dAt(path, args)
  const up = at('up')
  while ((await at('daemon', 'status')).code !== 0) await delay(20)
  t.is((await at('daemon', 'stop')).code, 0)
  const { code, stdout, stderr } = await up
  await removeHome(path)

  t.is(code, 0)
  t.regex(stdout, /^\nr2d is running\.\n/)
  t.notRegex(stderr, /serving/)
})

test('a line of the log on a terminal is text', t => {
  const line = JSON.stringify({ level: 40, time: 0, pid: 1, error: 'a b', count: 2, msg: 'waits' })
  t.regex(formatLine(line), /^\d\d:\d\d:\d\d warn {2}waits error=a b count=2\n$/)
})
