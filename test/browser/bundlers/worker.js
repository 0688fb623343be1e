import { serveWorker } from "descent-ml";
import { compute } from "./compute.js";

serveWorker({ compute });
