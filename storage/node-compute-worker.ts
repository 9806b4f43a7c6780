/** Entry of a worker thread of NodeCompute; the build bundles it into a file of its own, `compute-worker.js`. */
import { computeTasks } from "./compute-tasks.ts";
import { serveCompute } from "./node-compute-serve.ts";

serveCompute(computeTasks);
