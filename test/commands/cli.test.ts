// The command line as a person uses it: bin/r2d in a process, against a daemon in another.

import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test, { type ExecutionContext } from 'ava'
import {
  DaemonProcess,
  daemonHome,
  localRequest,
  makeDaemonHome,
  removeHome
} from '../daemon/daemon-process.ts'
import { launcher, r2dAt, run, type Outcome } from './command-line.ts'

let daemon: DaemonProcess

test.before(async () => {
  daemon = await DaemonProcess.start(await makeDaemonHome())
})

test.after.always(async () => {
  await daemon.stop()
  await removeHome(daemon.home)
})

const r2d = (...args: string[]): Promise<Outcome> => r2dAt(daemon.home, args)

async function ok(t: ExecutionContext, ...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await r2d(...args)
  t.is(code, 0, stderr)
  return stdout
}

async function directory(t: ExecutionContext): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'r2d-cli-'))
  t.teardown(() => rm(path, { recursive: true, force: true }))
  return path
}

let number = 0

async function makeBucket(t: ExecutionContext): Promise<string> {
  const bucket = `cli-${number++}`
  await ok(t, 'bucket', 'create', bucket)
  return bucket
}

test('a file goes up and comes down again, by name, into a prefix and a directory', async t => {
  const bucket = await makeBucket(t)
  const path = await directory(t)
  const content = randomBytes(1_234_567)
  await writeFile(join(path, 'photo.jpg'), content)

  await ok(t, 'cp', join(path, 'photo.jpg'), `r2://${bucket}/2026/`)
  await ok(t, 'cp', `s3://${bucket}/2026/photo.jpg`, join(path, 'copy.jpg'))
  await mkdir(join(path, 'down'))
  await ok(t, 'cp', `r2://${bucket}/2026/photo.jpg`, join(path, 'down'))

  t.true((await readFile(join(path, 'copy.jpg'))).equals(content))
  t.true((await readFile(join(path, 'down', 'photo.jpg'))).equals(content))
  t.deepEqual((await readdir(path)).sort(), ['copy.jpg', 'down', 'photo.jpg'])
  const listed = await ok(t, 'ls', `${bucket}/2026/`)
  t.regex(listed, /1234567 {2}2026\/photo\.jpg/)
  t.regex(await ok(t, 'ls', bucket), /2026\/$/m)
})

test('standard input becomes an object, and an object standard output', async t => {
  const bucket = await makeBucket(t)
  const { code, stderr } = await run(
    daemon.home,
    process.execPath,
    [launcher, 'cp', '-', `r2://${bucket}/in`],
    {
      input: Buffer.from('from a pipe')
    }
  )
  t.is(code, 0, stderr)

  t.is(await ok(t, 'cp', `r2://${bucket}/in`, '-'), 'from a pipe')
  t.is(await ok(t, 'cat', `r2://${bucket}/in`, `${bucket}/in`), 'from a pipefrom a pipe')
})

test('a tree goes up and down with --recursive, and is moved and removed', async t => {
  const bucket = await makeBucket(t)
  const path = await directory(t)
  const names = ['a.txt', 'sub/b.txt', 'sub/deep/ü ?#%.txt']
  await mkdir(join(path, 'tree/sub/deep'), { recursive: true })
  for (const name of names) await writeFile(join(path, 'tree', name), `content of ${name}`)

  await ok(t, 'cp', '--recursive', join(path, 'tree'), `r2://${bucket}/t`)
  await ok(t, 'mv', '-r', `r2://${bucket}/t`, `r2://${bucket}/moved/`)
  await ok(t, 'cp', '-r', `r2://${bucket}/moved`, join(path, 'back'))

  for (const name of names) {
    t.is(await readFile(join(path, 'back', name), 'utf8'), `content of ${name}`)
  }
  const page = JSON.parse(await ok(t, 'ls', '-r', bucket, '--json')) as {
    objects: { key: string }[]
  }
  t.deepEqual(
    page.objects.map(({ key }) => key),
    names.map(name => `moved/${name}`)
  )
  t.is((await r2d('rm', '-r', `r2://${bucket}/`)).code, 2, 'asks, and nobody is there to answer')
  t.regex(await ok(t, 'rm', '-r', '--dry-run', `r2://${bucket}/`), /moved\/a\.txt/)
  await ok(t, 'rm', '-r', '--yes', `r2://${bucket}/`)
  t.is(await ok(t, 'ls', '-r', bucket), '')
  await ok(t, 'bucket', 'rm', bucket)
})

test('a key that leads out of the target directory is refused, and nothing is written there', async t => {
  const bucket = await makeBucket(t)
  const path = await directory(t)
  await run(
    daemon.home,
    process.execPath,
    [launcher, 'cp', '-', `r2://${bucket}/x/../../escaped`],
    {
      input: Buffer.from('bad')
    }
  )

  const { code, stderr } = await r2d('cp', '-r', `r2://${bucket}/`, join(path, 'a', 'b'))

  t.is(code, 2, stderr)
  t.regex(stderr, /leads out of/)
  t.false(existsSync(join(path, 'escaped')))
  t.false(existsSync(join(path, 'a', 'escaped')))
})

test('what is known of an object and a bucket is shown, as text and as JSON', async t => {
  const bucket = await makeBucket(t)
  const path = await directory(t)
  await writeFile(join(path, 'f'), 'hello')
  await ok(t, 'cp', join(path, 'f'), `r2://${bucket}/f`)

  t.regex(await ok(t, 'stat', `${bucket}/f`), /^etag +5d41402abc4b2a76b9719d911017c592$/m)
  t.like(JSON.parse(await ok(t, 'stat', `${bucket}/f`, '--json')), { size: 5, bucket, key: 'f' })
  const [socket = ''] = daemon.status.sockets
  await localRequest(socket, 'PUT', `/${bucket}/tagged`, Buffer.from('123456789'), {
    'x-amz-sdk-checksum-algorithm': 'CRC32',
    'x-amz-storage-class': 'STANDARD_IA',
    'x-amz-tagging': 'a=1&b=2'
  })
  const shown = await ok(t, 'stat', `${bucket}/tagged`)
  t.regex(shown, /^checksum-crc32 +y\/Q5Jg==$/m)
  t.regex(shown, /^storage-class +STANDARD_IA$/m)
  t.regex(shown, /^tagging-count +2$/m)
  await ok(t, 'rm', `${bucket}/tagged`)
  t.like(JSON.parse(await ok(t, 'bucket', 'info', bucket, '--json')), {
    name: bucket,
    location: 'local',
    objects: 1,
    bytes: 5
  })
  const buckets = JSON.parse(await ok(t, 'bucket', 'ls', '--json')) as { name: string }[]
  t.true(buckets.some(({ name }) => name === bucket))
  t.like(JSON.parse(await ok(t, 'daemon', 'status', '--json')), { pid: daemon.child.pid })
})

test('a presigned URL lets anybody in until it expires', async t => {
  const bucket = await makeBucket(t)
  const write = await ok(t, 'presign', `${bucket}/by url`, '--method', 'PUT', '--expires', '5m')
  t.is((await fetch(write.trim(), { method: 'PUT', body: 'x' })).status, 200)

  const read = await ok(t, 'presign', `${bucket}/by url`)
  t.is(await (await fetch(read.trim())).text(), 'x')
  t.is((await r2d('presign', `${bucket}/k`, '--expires', '8d')).code, 2)
})

test('env prints what S3 programs need, in each of their forms', async t => {
  const lines = (await ok(t, 'env', '--aws')).trim().split('\n')
  t.deepEqual(
    lines.map(line => line.replace(/=.*/, '')),
    ['AWS_ENDPOINT_URL', 'AWS_ACCESS_KEY_ID', 'AWS_SECRET_ACCESS_KEY', 'AWS_REGION'].map(
      name => `export ${name}`
    )
  )
  t.true(lines[0]?.endsWith(daemon.endpoint))
  t.regex(await ok(t, 'env', '--dotenv'), /^AWS_REGION=auto$/m)
  t.regex(await ok(t, 'env', '--rclone'), /^endpoint = http/m)
})

test('every failure has its exit code, and says what and what next without a stack', async t => {
  const bucket = await makeBucket(t)
  const path = await directory(t)
  await writeFile(join(path, 'f'), 'x')
  await ok(t, 'cp', join(path, 'f'), `r2://${bucket}/f`)
  const cases: [string[], number, RegExp][] = [
    [['cat', `${bucket}/none`], 4, /does not exist/],
    [['stat', `${bucket}/none`], 4, /no such object/],
    [['ls', 'no-such-bucket'], 4, /bucket does not exist/],
    [['cp', '/no/such/file', `r2://${bucket}/`], 4, /There is no file/],
    [['bucket', 'create', bucket], 5, /BucketAlreadyOwnedByYou/],
    [['bucket', 'rm', bucket], 5, /not empty/],
    [['bucket', 'create', 'Not_Valid'], 2, /InvalidBucketName/],
    [['cp', path, `r2://${bucket}/`], 2, /--recursive/],
    [['cp', join(path, 'f'), join(path, 'g')], 2, /Neither side is an object/],
    [['cp'], 2, /required/],
    [['ls', '--no-such-flag'], 2, /no-such-flag/]
  ]

  for (const [args, expected, words] of cases) {
    const { code, stderr } = await r2d(...args)
    t.is(code, expected, `${args.join(' ')}: ${stderr}`)
    t.regex(stderr, words)
    t.notRegex(stderr, /^ +at /m)
  }
})

test('without a daemon a command says how to start one', async t => {
  const home = await directory(t)

  const { code, stderr } = await run(daemon.home, process.execPath, [launcher, 'ls'], {
    environment: { R2D_HOME: home }
  })

  t.is(code, 7)
  t.regex(stderr, /No daemon is running/)
  t.regex(stderr, /r2d up/)
})

test('the daemon is started, found running, restarted and stopped from the command line', async t => {
  const home = await daemonHome(t)
  const at = (...args: string[]): Promise<Outcome> => {
    return run(daemon.home, process.execPath, [launcher, ...args], {
      environment: { R2D_HOME: home }
    })
  }

  const started = await at('daemon', 'start', '--bucket', 'first')
  t.is(started.code, 0, started.stderr)
  t.regex(started.stdout, /Secret access key/)
  t.regex((await at('daemon', 'start')).stderr, /Already running/)
  t.regex((await at('ls')).stdout, /first/)
  t.is((await at('daemon', 'restart')).code, 0)
  t.regex((await at('daemon', 'logs')).stdout, /serving/)
  t.is((await at('daemon', 'stop')).code, 0)
  t.is((await at('daemon', 'status')).code, 7)
})

test('a setting that is not allowed is refused with its place', async t => {
  const home = await directory(t)
  await writeFile(join(home, 'r2d.toml'), '[s3]\nport = "many"\n')
  const start = (): Promise<Outcome> => {
    const environment = { R2D_HOME: home, R2D_S3_PORT: '' }
    return run(daemon.home, process.execPath, [launcher, 'daemon', 'start', '--foreground'], {
      environment
    })
  }

  const wrong = await start()
  t.is(wrong.code, 2)
  t.regex(wrong.stderr, /s3\.port is "many" in .*r2d\.toml/)
  await writeFile(join(home, 'r2d.toml'), '[s3]\nprot = 1\n')
  t.regex((await start()).stderr, /unknown key: s3\.prot/)
})

test('help has examples, and an old Node.js is no obstacle', async t => {
  t.regex(await ok(t, 'cp', '--help'), /EXAMPLES/)
  t.regex(await ok(t, 'bucket', 'cp', '--help'), /EXAMPLES/)
  const { PATH = '' } = process.env
  const old = PATH.split(':')
    .map(path => join(path, 'node'))
    .find(path => !path.includes('node_modules') && existsSync(path))
  assert(old !== undefined, 'A Node.js outside of the checkout is what a machine has')

  const { code, stdout, stderr } = await run(daemon.home, old, [launcher, '--version'])

  t.is(code, 0, stderr)
  t.regex(stdout, /^r2d\/0\./)
})

test('CORS and lifecycle rules are set from a file, shown, and removed', async t => {
  const bucket = await makeBucket(t)
  const path = join(await directory(t), 'rules')
  const cors = {
    rules: [{ allowed: { origins: ['https://example.com'], methods: ['GET'] }, maxAgeSeconds: 60 }]
  }
  await writeFile(path, JSON.stringify(cors))

  t.is((await r2d('bucket', 'cors', 'get', bucket)).code, 4)
  await ok(t, 'bucket', 'cors', 'set', bucket, '--file', path)
  t.deepEqual(JSON.parse(await ok(t, 'bucket', 'cors', 'get', bucket)), cors)
  await writeFile(path, await ok(t, 'bucket', 'cors', 'get', bucket, '--xml'))
  await ok(t, 'bucket', 'cors', 'set', bucket, '--file', path)
  t.deepEqual(JSON.parse(await ok(t, 'bucket', 'cors', 'get', bucket, '--json')), cors)
  await ok(t, 'bucket', 'cors', 'rm', bucket)
  t.is((await r2d('bucket', 'cors', 'get', bucket)).code, 4)

  const initial = JSON.parse(await ok(t, 'bucket', 'lifecycle', 'get', bucket)) as unknown
  t.deepEqual(initial, {
    rules: [
      {
        id: 'Default Multipart Abort Rule',
        enabled: true,
        conditions: {},
        abortMultipartUploadsTransition: { condition: { type: 'Age', maxAge: 604_800 } }
      }
    ]
  })
  await writeFile(path, JSON.stringify({ rules: [{ id: 'a', enabled: true, conditions: {} }] }))
  const refused = await r2d('bucket', 'lifecycle', 'set', bucket, '--file', path)
  t.is(refused.code, 2)
  t.regex(refused.stderr, /At least one action needs to be specified in a rule/)
  t.deepEqual(JSON.parse(await ok(t, 'bucket', 'lifecycle', 'get', bucket)), initial)
  await ok(t, 'bucket', 'lifecycle', 'rm', bucket)
  t.is((await r2d('bucket', 'lifecycle', 'get', bucket)).code, 4)
})
