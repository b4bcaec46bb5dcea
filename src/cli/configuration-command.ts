/**
 * What the commands for a bucket's configurations share: `get` prints JSON, or S3's XML; `set` takes either; `rm` removes it.
 */

import { readFile } from 'node:fs/promises'
import { text } from 'node:stream/consumers'
import { Args, Flags } from '@oclif/core'
import type { BucketConfiguration } from '../control/object-client.ts'
import { R2dError } from '../errors.ts'
import { parseRemote } from './address.ts'
import { corsFromXml, corsToXml } from './cors-document.ts'
import { JsonReader } from './json-reader.ts'
import { lifecycleFromXml, lifecycleToXml } from './lifecycle-document.ts'
import { R2dCommand } from './r2d-command.ts'

const forms = {
  cors: { fromXml: corsFromXml, toXml: corsToXml },
  lifecycle: { fromXml: lifecycleFromXml, toXml: lifecycleToXml }
} as const

export const bucketArgs = { bucket: Args.string({ description: 'Name', required: true }) }

export const getFlags = { xml: Flags.boolean({ description: "Print S3's XML" }) }

export const setFlags = {
  file: Flags.string({
    description: "JSON as wrangler has it, or S3's XML; - reads standard input",
    required: true
  })
}

interface Parsed {
  bucket: string
  home: string | undefined
}

export abstract class ConfigurationCommand extends R2dCommand {
  protected async get(
    kind: BucketConfiguration,
    { bucket, home, xml }: Parsed & { xml: boolean }
  ): Promise<unknown> {
    const client = await this.objects({ home })
    try {
      const document = await client.configuration(parseRemote(bucket).bucket, kind)
      const rules = forms[kind].fromXml(document)
      this.log(xml ? document : JSON.stringify(rules, undefined, 2))
      return rules
    } finally {
      client.close()
    }
  }

  protected async set(
    kind: BucketConfiguration,
    { bucket, home, file }: Parsed & { file: string }
  ): Promise<{ name: string }> {
    const document = await readDocument(kind, file)
    const client = await this.objects({ home })
    try {
      const { bucket: name } = parseRemote(bucket)
      await client.setConfiguration(name, kind, document)
      this.say(`Set the ${kind} rules of r2://${name}`)
      return { name }
    } finally {
      client.close()
    }
  }

  protected async remove(
    kind: BucketConfiguration,
    { bucket, home }: Parsed
  ): Promise<{ name: string }> {
    const client = await this.objects({ home })
    try {
      const { bucket: name } = parseRemote(bucket)
      await client.deleteConfiguration(name, kind)
      this.say(`Removed the ${kind} rules of r2://${name}`)
      return { name }
    } finally {
      client.close()
    }
  }
}

const hint = 'Give the rules as `get` prints them, with or without --xml'

/** S3's XML. */
async function readDocument(kind: BucketConfiguration, file: string): Promise<string> {
  const name = file === '-' ? 'Standard input' : file
  let content: string
  try {
    content = file === '-' ? await text(process.stdin) : await readFile(file, 'utf8')
  } catch (error) {
    throw new R2dError('R2D_INVALID_CONFIG', `${name} cannot be read`, { cause: error })
  }
  if (content.trim() === '') throw new R2dError('R2D_INVALID_CONFIG', `${name} is empty`, { hint })
  if (content.trimStart().startsWith('<')) return content

  let parsed: unknown
  try {
    parsed = JSON.parse(content)
  } catch (error) {
    throw new R2dError('R2D_INVALID_CONFIG', `${name} is neither XML nor JSON`, {
      cause: error,
      hint
    })
  }
  return forms[kind].toXml(new JsonReader(parsed, name))
}
