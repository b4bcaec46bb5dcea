// rclone, as Debian packages it, at real work against the daemon.

import { createHash, randomBytes } from 'node:crypto'
import { readFile, utimes, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import test from 'ava'
import { assertSameTree, makeTree } from './tree.ts'
import { workplaceOf, type RunOptions } from './workplace.ts'

const workplace = workplaceOf(test)

/** `r2d` is the remote's name, as `r2d env --rclone` writes it. */
async function rclone(args: readonly string[], options: RunOptions = {}): Promise<string> {
  const place = workplace()
  const environment = {
    RCLONE_CONFIG_R2D_TYPE: 's3',
    RCLONE_CONFIG_R2D_PROVIDER: 'Other',
    RCLONE_CONFIG_R2D_ENDPOINT: place.s3.endpoint,
    RCLONE_CONFIG_R2D_REGION: 'auto',
    RCLONE_CONFIG_R2D_ENV_AUTH: 'true'
  }
  return place.run('rclone', args, { environment, ...options })
}

test('rclone copies a tree up and down, and every byte is the same', async t => {
  const path = await workplace().directory('tree')
  await makeTree(join(path, 'up'))
  const remote = `r2d:${workplace().bucketName()}/some prefix`

  await rclone(['copy', join(path, 'up'), remote])
  await rclone(['check', join(path, 'up'), remote])
  await rclone(['copy', '--fast-list', remote, join(path, 'down')])

  await t.notThrowsAsync(assertSameTree(join(path, 'down'), join(path, 'up')))
  const listed = await rclone(['lsf', '--recursive', '--files-only', '--fast-list', remote])
  t.is(listed.trimEnd().split('\n').length, 200)
})

test('rclone sync does nothing the second time, and then only what changed', async t => {
  const path = await workplace().directory('sync')
  await makeTree(join(path, 'up'))
  const remote = `r2d:${workplace().bucketName()}`
  const sync = (): Promise<string> =>
    rclone(['sync', '--stats-one-line', '--use-json-log', '-v', join(path, 'up'), remote])
  await sync()

  await rclone(['sync', '--dry-run', '--error-on-no-transfer', join(path, 'up'), remote], {
    status: 9
  })
  await writeFile(join(path, 'up', 'large.bin'), 'changed')
  await sync()

  t.is(await rclone(['cat', `${remote}/large.bin`]), 'changed')
  await rclone(['check', join(path, 'up'), remote])
  await rclone(['delete', `${remote}/d0`])
  t.is(await rclone(['lsf', '--recursive', '--files-only', `${remote}/d0`]), '')
  await rclone(['purge', remote])
  t.false((await rclone(['lsf', 'r2d:'])).includes(remote.slice('r2d:'.length)))
})

test('rclone keeps times, which it changes by copying an object onto itself', async t => {
  const path = await workplace().directory('times')
  const remote = `r2d:${workplace().bucketName()}`
  const file = join(path, 'ö file')
  await writeFile(file, 'content')
  const timeOf = async (): Promise<string> =>
    rclone(['lsf', '--format', 't', '--separator', ' ', `${remote}/ö file`])

  await utimes(file, 1_000_000_000, 1_000_000_000)
  await rclone(['copy', file, remote])
  t.is(await timeOf(), '2001-09-09 01:46:40\n')
  await utimes(file, 1_500_000_000, 1_500_000_000)
  const log = await rclone(['copy', '-vv', '--log-file', join(path, 'log'), file, remote])

  t.is(log, '')
  t.regex(await readFile(join(path, 'log'), 'utf8'), /Updated modification time in destination/)
  t.is(await timeOf(), '2017-07-14 02:40:00\n')
  t.is(await rclone(['cat', `${remote}/ö file`]), 'content')
})

test('rclone copies and moves on the server, hashes, reads ranges, and signs URLs', async t => {
  const path = await workplace().directory('single')
  const [from, to] = [`r2d:${workplace().bucketName()}`, `r2d:${workplace().bucketName()}`]
  const content = randomBytes(100_000)
  await writeFile(join(path, 'file'), content)

  await rclone(['mkdir', from])
  await rclone(['mkdir', to])
  await rclone(['copyto', join(path, 'file'), `${from}/a+b/ö`])
  await rclone(['copyto', `${from}/a+b/ö`, `${to}/copy %`])
  await rclone(['moveto', `${to}/copy %`, `${to}/moved`])
  t.is(await rclone(['lsf', to]), 'moved\n')
  const md5 = createHash('md5').update(content).digest('hex')
  t.is(await rclone(['md5sum', `${to}/moved`]), `${md5}  moved\n`)
  await rclone(['check', `${from}/a+b`, to], { status: 1 })
  t.regex(await rclone(['size', to]), /Total objects: 1 .*\n.*100000 Byte/)
  await rclone(['rcat', `${to}/text`], { input: '0123456789' })
  t.is(await rclone(['cat', '--offset', '3', '--count', '4', `${to}/text`]), '3456')
  await rclone(['deletefile', `${to}/text`])
  const url = await rclone(['link', '--expire', '60s', `${to}/moved`])
  const curl = ['--silent', '--fail', '--output', 'by url', url.trim()]
  await workplace().run('curl', curl, { cwd: path })
  t.true(content.equals(await readFile(join(path, 'by url'))))
  await rclone(['deletefile', `${to}/moved`])
  t.is(await rclone(['lsf', to]), '')
})

test('rclone carries 64 MiB in parts, and a stream of unknown size', async t => {
  const path = await workplace().directory('parts')
  const remote = `r2d:${workplace().bucketName()}`
  const content = randomBytes(64 * 1024 * 1024)
  await writeFile(join(path, 'up'), content)
  const inParts = ['--s3-upload-cutoff', '8M', '--s3-copy-cutoff', '8M', '--s3-chunk-size', '8M']

  await rclone(['copyto', ...inParts, join(path, 'up'), `${remote}/big`])
  await rclone(['copyto', ...inParts, `${remote}/big`, `${remote}/copy`])
  await rclone(['copyto', `${remote}/copy`, join(path, 'down')])
  t.true(content.equals(await readFile(join(path, 'down'))))

  const text = 'a line of text\n'.repeat(1_000_000)
  await rclone(['rcat', `${remote}/stream`], { input: text })
  t.is(await rclone(['cat', `${remote}/stream`]), text)
  await rclone(['cleanup', remote])
})

test('the lines of docs/clients.md on rclone work as they are pasted', async t => {
  t.regex(await workplace().pasted('rclone'), /^format\.md$/m)
})
