/* engram.host.state_dir/1 - a folder in the data directory that belongs to this instance alone. [any]
 *
 * It exists, has mode 0700 and outlives restarts; the umask of the process is 0077. Storage plugins get the folder of all
 * tenants, "tenants".
 */
#ifndef ENGRAM_HOST_STATE_DIR_H
#define ENGRAM_HOST_STATE_DIR_H

#include <engram/plugin.h>

#define ENGRAM_HOST_STATE_DIR "engram.host.state_dir/1"

typedef struct engram_host_state_dir_v1 {
    uint32_t size, reserved;
    engram_str (*path)(const engram_host *); /* absolute, without a trailing slash; lives as long as the instance */
} engram_host_state_dir_v1;

#endif
