// The AWS command line, as Debian packages it, at real work against the daemon.

import { spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import test from 'ava'
import { DaemonProcess, makeDaemonHome, removeHome } from '../daemon/daemon-process.ts'

const fileCount = 200

test('aws s3 sync brings a tree up and down, and every byte is the same', async t => {
  const daemon = await DaemonProcess.start(await makeDaemonHome(), { R2D_BUCKET: 'tree' })
  const path = await mkdtemp(join(tmpdir(), 'r2d-aws-'))
  t.teardown(async () => {
    await daemon.stop()
    await removeHome(daemon.home)
    await rm(path, { recursive: true, force: true })
  })
  const { endpoint, accessKeyId, secretAccessKey } = await daemon.s3()
  const aws = async (...args: string[]): Promise<string> => {
    const child = spawn('aws', args, {
      env: {
        PATH: process.env['PATH'] ?? '',
        HOME: path,
        AWS_ENDPOINT_URL: endpoint,
        AWS_REGION: 'auto',
        AWS_DEFAULT_REGION: 'auto',
        AWS_ACCESS_KEY_ID: accessKeyId,
        AWS_SECRET_ACCESS_KEY: secretAccessKey
      }
    })
    const code = new Promise<number | null>((resolve, reject) => {
      child.on('close', resolve)
      child.on('error', reject)
    })
    const [stdout, stderr] = await Promise.all([text(child.stdout), text(child.stderr)])
    t.is(await code, 0, stderr)
    return stdout
  }
  // Releases before 2.13 do not know the variable.
  const at = ['--endpoint-url', endpoint]

  for (let n = 0; n < fileCount; n++) {
    const directory = join(path, 'tree', `d${n % 7}`, 'sub dir')
    await mkdir(directory, { recursive: true })
    await writeFile(join(directory, `file ${n}+ü.bin`), randomBytes(n * 400))
  }
  await aws(...at, 's3', 'sync', '--quiet', join(path, 'tree'), 's3://tree/t')
  await aws(...at, 's3', 'sync', '--quiet', 's3://tree/t', join(path, 'back'))

  const names = (await readdir(join(path, 'tree'), { recursive: true, withFileTypes: true }))
    .filter(entry => entry.isFile())
    .map(entry => join(entry.parentPath, entry.name))
  t.is(names.length, fileCount)
  for (const name of names) {
    const back = await readFile(name.replace(join(path, 'tree'), join(path, 'back')))
    t.true(back.equals(await readFile(name)), name)
  }
  t.is(await aws(...at, 's3', 'sync', join(path, 'tree'), 's3://tree/t'), '')
  t.regex(await aws(...at, 's3', 'ls', 's3://tree/t/'), /PRE d0\//)
  await aws(...at, 's3', 'rm', '--quiet', '--recursive', 's3://tree/')
  t.is(await aws(...at, 's3', 'ls', 's3://tree/'), '')
})
