// A small use of what is generated: a page, the array and a stream of the same flights.
import createClient from "openapi-fetch";
import type { components, paths } from "./schema.js";

type Flight = components["schemas"]["Flight"];

const client = createClient<paths>({ baseUrl: process.argv[2] });
const query = { origin: "JFK", min_delay: 60 };

async function page(): Promise<number> {
  const { data } = await client.GET("/flights/", { params: { query } });
  return typeof data === "object" && "count" in data ? data.count : -1;
}

async function array(): Promise<Flight[]> {
  const { data } = await client.GET("/flights/", {
    params: { query: { ...query, stream: "json" } },
  });
  return Array.isArray(data) ? data : [];
}

async function stream(): Promise<Flight[]> {
  const { data } = await client.GET("/flights/", {
    params: { query: { ...query, stream: "ndjson" } },
    parseAs: "text",
  });
  const lines = typeof data === "string" ? data : "";
  return lines.split("\n").slice(0, -1).map((line): Flight => JSON.parse(line));
}

// @ts-expect-error: the schema has no such format.
const unknown: NonNullable<paths["/flights/"]["get"]["parameters"]["query"]>["stream"] = "xml";

const flights = await array();
const carriers: string[] = flights.map((flight) => flight.carrier.code);
const streamed = await stream();
console.log(
  JSON.stringify({
    page: await page(),
    array: flights.map((flight) => flight.id),
    stream: streamed.map((flight) => flight.id),
    carriers: new Set(carriers).size,
    unknown,
  }),
);
