/**
 * The configuration: what an operator may have two right answers to.
 *
 * A flag beats the environment, which beats `r2d.toml`, which beats the default. A key that is unknown, or a
 * value that is not allowed, is refused with its place.
 */

import { readFileSync } from 'node:fs'
import { parse } from 'smol-toml'
import { R2dError } from './errors.ts'
import { compatModes, type Compat } from './gateway/compat.ts'
import type { Home } from './home.ts'

export interface Config {
  s3: {
    /** Address to listen on. */
    host: string
    /** 0: any free port. */
    port: number
    /** Host names that have buckets as subdomains. */
    domains: string[]
    /** How close the endpoint keeps to R2. */
    compat: Compat
  }
  gateway: {
    /** 0: one a core. */
    threads: number
    /** Seconds that requests in flight have when the daemon stops. */
    stopTimeout: number
  }
  lifecycle: {
    /** Seconds between looks at what is due. */
    interval: number
  }
  volumes: {
    /** MiB that are left free on each. */
    reserve: number
  }
  repair: {
    /** MiB a second that repair reads. */
    rate: number
    /** Seconds that a volume has failed before its extents are copied elsewhere. */
    delay: number
  }
  scrub: {
    /** MiB a second that it reads. */
    rate: number
    /** Days from the start of a round to that of the next; 0: only when it is asked for. */
    period: number
  }
  space: {
    /** Percent of a segment that is dead before it is rewritten. */
    deadShare: number
    /** Seconds that nothing is appended to a segment before it may be rewritten. */
    idle: number
    /** MiB that rewriting reads and writes in a second. */
    rate: number
  }
  metadata: {
    /** `auto`: RocksDB where its binding loads, unless the store was made with the other. */
    engine: 'auto' | 'rocksdb' | 'classic-level'
    /** Whether every commit is on the volumes, too, before it is answered. */
    journal: 'on' | 'off'
    /** Seconds between snapshots of the metadata, if something was committed. */
    snapshotInterval: number
    /** MiB that writes leave free on its disk. */
    reserve: number
  }
  key: {
    /** Prints the master key; empty: there is none. */
    command: string
  }
  log: {
    level: LogLevel
  }
}

export type LogLevel = 'debug' | 'info' | 'warn' | 'error'

interface Setting {
  /** In r2d.toml. */
  key: string
  variable: string
  description: string
  default: string | number | string[]
  /** What is allowed, for the message. */
  allowed: string
  /** Undefined if the value is not allowed. */
  read: (value: unknown) => string | number | string[] | undefined
}

const engines = ['auto', 'rocksdb', 'classic-level']
const levels = ['debug', 'info', 'warn', 'error']

/** Every setting, in the order in which the documentation gives them. */
export const settings = [
  {
    key: 's3.host',
    variable: 'R2D_S3_HOST',
    description: 'Address that the S3 endpoint listens on',
    default: '127.0.0.1',
    allowed: 'an address or host name',
    read: value => (typeof value === 'string' && value !== '' ? value : undefined)
  },
  {
    key: 's3.port',
    variable: 'R2D_S3_PORT',
    description: 'Port of the S3 endpoint; 0 takes any free one',
    default: 7230,
    allowed: 'a number from 0 to 65535',
    read: value => readNumber(value, 0, 65_535)
  },
  {
    key: 's3.domains',
    variable: 'R2D_S3_DOMAINS',
    description: 'Host names that have buckets as subdomains (virtual-host style)',
    default: ['localhost'],
    allowed: 'a list of host names, with commas between them in the variable',
    read: readNames
  },
  {
    key: 's3.compat',
    variable: 'R2D_S3_COMPAT',
    description: 'r2 takes what S3 clients send; strict-r2 refuses what R2 refuses',
    default: 'r2',
    allowed: compatModes.join(', '),
    read: value => compatModes.find(mode => mode === value)
  },
  {
    key: 'gateway.threads',
    variable: 'R2D_GATEWAY_THREADS',
    description: 'Threads that serve requests; 0 is one a core',
    default: 0,
    allowed: 'a number from 0 to 256',
    read: value => readNumber(value, 0, 256)
  },
  {
    key: 'gateway.stop_timeout',
    variable: 'R2D_STOP_TIMEOUT',
    description: 'Seconds that requests in flight have when the daemon stops',
    default: 10,
    allowed: 'a number of seconds from 0 to 3600',
    read: value => readNumber(value, 0, 3600)
  },
  {
    key: 'lifecycle.interval',
    variable: 'R2D_LIFECYCLE_INTERVAL',
    description: 'Seconds between looks for objects that lifecycle rules have become due for',
    default: 60,
    allowed: 'a number of seconds from 1 to 86400',
    read: value => readNumber(value, 1, 86_400)
  },
  {
    key: 'space.dead_share',
    variable: 'R2D_SPACE_DEAD_SHARE',
    description:
      'Percent of a segment that nothing refers to before the rest is moved and its file removed',
    default: 50,
    allowed: 'a number from 1 to 100',
    read: value => readNumber(value, 1, 100)
  },
  {
    key: 'space.idle',
    variable: 'R2D_SPACE_IDLE',
    description: 'Seconds without a write before a segment that is being written may be rewritten',
    default: 60,
    allowed: 'a number of seconds from 1 to 86400',
    read: value => readNumber(value, 1, 86_400)
  },
  {
    key: 'space.rate',
    variable: 'R2D_SPACE_RATE',
    description: 'MiB that rewriting segments reads and writes in a second',
    default: 64,
    allowed: 'a number from 1 to 100000',
    read: value => readNumber(value, 1, 100_000)
  },
  {
    key: 'volumes.reserve',
    variable: 'R2D_VOLUMES_RESERVE',
    description: 'MiB that are left free on each volume, for repair and compaction to work with',
    default: 64,
    allowed: 'a number of MiB from 1 to 1048576',
    read: value => readNumber(value, 1, 1_048_576)
  },
  {
    key: 'repair.rate',
    variable: 'R2D_REPAIR_RATE',
    description: 'MiB a second that repair reads of the replicas that it copies',
    default: 64,
    allowed: 'a number of MiB from 1 to 1048576',
    read: value => readNumber(value, 1, 1_048_576)
  },
  {
    key: 'repair.delay',
    variable: 'R2D_REPAIR_DELAY',
    description: 'Seconds that a volume has failed before what is on it is copied elsewhere',
    default: 60,
    allowed: 'a number of seconds from 0 to 604800',
    read: value => readNumber(value, 0, 604_800)
  },
  {
    key: 'scrub.rate',
    variable: 'R2D_SCRUB_RATE',
    description: 'MiB a second that scrub reads',
    default: 32,
    allowed: 'a number of MiB from 1 to 1048576',
    read: value => readNumber(value, 1, 1_048_576)
  },
  {
    key: 'scrub.period',
    variable: 'R2D_SCRUB_PERIOD',
    description: 'Days from one scrub to the next; 0 is only when it is asked for',
    default: 30,
    allowed: 'a number of days from 0 to 3650',
    read: value => readNumber(value, 0, 3650)
  },
  {
    key: 'metadata.engine',
    variable: 'R2D_METADATA_ENGINE',
    description: 'Engine of the metadata service',
    default: 'auto',
    allowed: engines.join(', '),
    read: value => engines.find(engine => engine === value)
  },
  {
    key: 'metadata.journal',
    variable: 'R2D_METADATA_JOURNAL',
    description: 'Whether every commit is on the volumes, too, before it is acknowledged',
    default: 'on',
    allowed: 'on, off',
    read: value => ['on', 'off'].find(each => each === value)
  },
  {
    key: 'metadata.snapshot_interval',
    variable: 'R2D_METADATA_SNAPSHOT_INTERVAL',
    description: 'Seconds between snapshots of the metadata to the volumes',
    default: 21_600,
    allowed: 'a number of seconds from 60 to 2592000',
    read: value => readNumber(value, 60, 2_592_000)
  },
  {
    key: 'metadata.reserve',
    variable: 'R2D_METADATA_RESERVE',
    description:
      'MiB that writes leave free on the disk of the metadata, for deletes and compactions',
    default: 256,
    allowed: 'a number of MiB from 1 to 1048576',
    read: value => readNumber(value, 1, 1_048_576)
  },
  {
    key: 'key.command',
    variable: 'R2D_MASTER_KEY_COMMAND',
    description: 'Shell command that prints the master key, in place of the file master.key',
    default: '',
    allowed: 'a shell command',
    read: value => (typeof value === 'string' ? value : undefined)
  },
  {
    key: 'log.level',
    variable: 'R2D_LOG_LEVEL',
    description: 'Least severe lines that are logged',
    default: 'info',
    allowed: levels.join(', '),
    read: value => levels.find(level => level === value)
  }
] as const satisfies readonly Setting[]

type SettingKey = (typeof settings)[number]['key']

/** R2D_INVALID_CONFIG. `overrides`: values of flags, by key. */
export function loadConfig(
  home: Home,
  overrides: Partial<Record<SettingKey, string | number | undefined>> = {},
  environment: NodeJS.ProcessEnv = process.env
): Config {
  const file = readFile(home.configFile)
  refuseUnknown(file, home.configFile)

  const value = (key: SettingKey): string | number | string[] => {
    const setting = settings.find(each => each.key === key)
    if (setting === undefined) throw new TypeError(`No setting ${key}`)
    return (
      readValue(setting, overrides[key], 'the command line') ??
      readValue(setting, environment[setting.variable] || undefined, setting.variable) ??
      readValue(setting, lookUp(file, key), home.configFile) ??
      [setting.default].flat()[0] ??
      ''
    )
  }
  const domains = value('s3.domains')
  return {
    // Those of a type were compared with what is allowed when they were read.
    s3: {
      host: String(value('s3.host')),
      port: Number(value('s3.port')),
      domains: Array.isArray(domains) ? domains : [String(domains)],
      compat: value('s3.compat') as Compat
    },
    gateway: {
      threads: Number(value('gateway.threads')),
      stopTimeout: Number(value('gateway.stop_timeout'))
    },
    lifecycle: { interval: Number(value('lifecycle.interval')) },
    volumes: { reserve: Number(value('volumes.reserve')) },
    scrub: { rate: Number(value('scrub.rate')), period: Number(value('scrub.period')) },
    repair: { rate: Number(value('repair.rate')), delay: Number(value('repair.delay')) },
    space: {
      deadShare: Number(value('space.dead_share')),
      idle: Number(value('space.idle')),
      rate: Number(value('space.rate'))
    },
    // Each was compared with what is allowed when it was read.
    metadata: {
      engine: value('metadata.engine') as Config['metadata']['engine'],
      journal: value('metadata.journal') as Config['metadata']['journal'],
      snapshotInterval: Number(value('metadata.snapshot_interval')),
      reserve: Number(value('metadata.reserve'))
    },
    key: { command: String(value('key.command')) },
    log: { level: value('log.level') as LogLevel }
  }
}

function readValue(
  setting: Setting,
  value: unknown,
  source: string
): string | number | string[] | undefined {
  if (value === undefined) return undefined
  const found = setting.read(value)
  if (found !== undefined) return found

  throw new R2dError(
    'R2D_INVALID_CONFIG',
    `${setting.key} is ${JSON.stringify(value)} in ${source}, which is not ${setting.allowed}`,
    { hint: `Set it to ${setting.allowed}` }
  )
}

function readFile(path: string): Record<string, unknown> {
  let text: string
  try {
    text = readFileSync(path, 'utf8')
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return {}
    throw new R2dError('R2D_INVALID_CONFIG', `${path} cannot be read`, { cause: error })
  }

  try {
    return parse(text)
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    throw new R2dError('R2D_INVALID_CONFIG', `${path} is not valid TOML: ${reason}`, {
      cause: error
    })
  }
}

function refuseUnknown(file: Record<string, unknown>, path: string): void {
  for (const [section, content] of Object.entries(file)) {
    const names = typeof content === 'object' && content !== null ? Object.keys(content) : ['']
    for (const name of names) {
      const key = name === '' ? section : `${section}.${name}`
      if (settings.some(setting => setting.key === key)) continue
      throw new R2dError('R2D_INVALID_CONFIG', `${path} has an unknown key: ${key}`, {
        hint: `Known keys: ${settings.map(setting => setting.key).join(', ')}`
      })
    }
  }
}

function lookUp(file: Record<string, unknown>, key: string): unknown {
  const [section = '', name = ''] = key.split('.')
  const content = file[section]
  if (typeof content !== 'object' || content === null) return undefined

  return new Map(Object.entries(content)).get(name)
}

function readNumber(value: unknown, min: number, max: number): number | undefined {
  const number = typeof value === 'string' && /^\d+$/.test(value) ? Number(value) : value
  const isFine = Number.isInteger(number) && Number(number) >= min && Number(number) <= max

  return isFine ? Number(number) : undefined
}

function readNames(value: unknown): string[] | undefined {
  const names = typeof value === 'string' ? value.split(',') : value
  if (!Array.isArray(names)) return undefined
  const texts = names.map(name => (typeof name === 'string' ? name.trim().toLowerCase() : ''))

  return texts.every(name => /^[a-z0-9.-]+$/.test(name)) ? texts : undefined
}
