"use strict";
// Stands where the edge puts its own script on healthy pages; its presence is not a challenge.
document.documentElement.dataset.jsd = "1";
