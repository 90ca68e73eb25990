/** DANE vectors, decision tables and signed zones that lie beside the repository. `peers("transport-data")` says whether they are there. */
import { join } from "node:path";

export const TRANSPORT_DATA = join(import.meta.dirname, "../../../shared/data/transport");
