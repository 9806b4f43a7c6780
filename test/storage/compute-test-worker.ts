/** Entry of the worker threads of the test of NodeCompute: serves its tasks. */
import { serveCompute } from "../../storage/node-compute-serve.ts";
import { testTasks } from "./compute-test-tasks.ts";

serveCompute(testTasks);
