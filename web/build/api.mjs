/**
 * Writes what the pages know of the API from its description: src/api/schema.ts with its types, src/api/limits.ts with how
 * long and how large a field may be. With --check it only says whether they are fresh.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import openapiTS, { astToString } from 'openapi-typescript'

const at = (path) => new URL(path, import.meta.url)
const description = JSON.parse(readFileSync(at('../../functions/api/openapi.json'), 'utf8'))
const head = '/** Made from functions/api/openapi.json by `npm run api`. */\n'

const types = await openapiTS(description, {
  rootTypes: true,
  rootTypesNoSchemaPrefix: true,
  rootTypesKeepCasing: true,
  defaultNonNullable: false,
})

/** What bodies are made of; the settings' bounds come from the server. */
const asked = new Set(JSON.stringify(Object.values(description.paths).flatMap(Object.values).map((call) => call.requestBody)).match(/(?<=schemas\/)\w+/g))
asked.delete('Settings')

const bounds = ['minLength', 'maxLength', 'minimum', 'maximum']
const limits = {}
for (const [name, { properties = {} }] of Object.entries(description.components.schemas)) {
  for (const [field, schema] of Object.entries(properties)) {
    const said = bounds.filter((bound) => bound in schema).map((bound) => [bound, schema[bound]])
    if (asked.has(name) && said.length) limits[name] = { ...limits[name], [field]: Object.fromEntries(said) }
  }
}

const files = {
  '../src/api/schema.ts': head + astToString(types),
  '../src/api/limits.ts': `${head}export const limits = ${JSON.stringify(limits, null, 2)} as const\n`,
}
for (const [path, made] of Object.entries(files)) {
  if (!process.argv.includes('--check')) writeFileSync(at(path), made)
  else if (readFileSync(at(path), 'utf8') !== made) {
    process.stderr.write(`${path} is not fresh\n`)
    process.exitCode = 1
  }
}
