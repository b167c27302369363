/** The page of a share (`/s/{share_id}`, `/embed/{share_id}`), which functions/api writes around this script. */

// functions/api knows this script's name and no other: what it loads in its turn brings its styles along.
void import('./share/main.ts')
