/** The description of the API (OpenAPI 3.1), as far as its page reads it. */

export interface Schema {
  $ref?: string
  type?: string | string[]
  description?: string
  format?: string
  pattern?: string
  const?: unknown
  enum?: unknown[]
  items?: Schema
  oneOf?: Schema[]
  anyOf?: Schema[]
  properties?: Record<string, Schema>
  required?: string[]
  minimum?: number
  maximum?: number
  minLength?: number
  maxLength?: number
}

interface Body {
  content?: Record<string, { schema: Schema }>
}

export interface Operation {
  tags: string[]
  summary: string
  security: Record<string, unknown>[]
  parameters: { name: string; in: string; required: boolean; schema: Schema; description?: string }[]
  requestBody?: Body & { required: boolean }
  responses: Record<string, Body & { description: string }>
}

export interface Description {
  info: { title: string; version: string; description: string }
  paths: Record<string, Record<string, Operation>>
  components: { schemas: Record<string, Schema> }
}

/** An operation with its address. */
export interface Call extends Operation {
  method: string
  path: string
}

/** The calls of each area, in the order of their paths. */
export function areas(description: Description): [string, Call[]][] {
  const areas = new Map<string, Call[]>()
  for (const [path, methods] of Object.entries(description.paths)) {
    for (const [method, operation] of Object.entries(methods)) {
      const area = operation.tags[0] ?? ''
      areas.set(area, [...(areas.get(area) ?? []), { ...operation, method: method.toUpperCase(), path }])
    }
  }
  return [...areas].sort()
}

/** The name of the type that a schema leads to. */
export const named = (schema: Schema): string | undefined => schema.$ref?.split('/').pop()

const range = (least: number | undefined, most: number | undefined, unit = ''): string =>
  least === undefined && most === undefined ? '' : ` ${least ?? ''}…${most ?? ''}${unit}`

/** A schema in a few words. */
export function words(schema: Schema): string {
  const name = named(schema)
  if (name) return name
  if ('const' in schema) return JSON.stringify(schema.const)
  if (schema.enum) return schema.enum.map((value) => JSON.stringify(value)).join(' | ')
  const choices = schema.oneOf ?? schema.anyOf
  if (choices) return choices.map(words).join(' | ')
  if (schema.items) return `${words(schema.items)}[]`
  const types = [schema.type ?? 'object'].flat().join(' | ')
  const form = schema.format ? ` (${schema.format})` : ''
  return types + form + range(schema.minimum, schema.maximum) + range(schema.minLength, schema.maxLength, ' characters')
}
