import { serveCompute } from "../../storage/node-compute-serve.ts";
import { testTasks } from "./compute-test-tasks.ts";

serveCompute(testTasks);
