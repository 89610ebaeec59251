/* The core of the SDK as released with ABI 1.0: sizes, offsets and numbers of the call, the status and the plugin entry.
 * Nothing here may ever be edited; a later minor version adds a file of its own, in which these are a prefix. */
#include <engram/plugin.h>

#define LOCK_SIZE(type, n) _Static_assert(sizeof(type) == (n), #type)
#define LOCK_AT(type, field, n) _Static_assert(offsetof(type, field) == (n), #type "." #field)
#define LOCK_VALUE(name, n) _Static_assert((name) == (n), #name)

_Static_assert(sizeof(void *) == 8, "the lock is written for 64-bit platforms");

LOCK_SIZE(engram_str, 16);
LOCK_AT(engram_str, ptr, 0);
LOCK_AT(engram_str, len, 8);
LOCK_SIZE(engram_bytes, 16);
LOCK_AT(engram_bytes, ptr, 0);
LOCK_AT(engram_bytes, len, 8);
LOCK_SIZE(engram_kv, 32);
LOCK_AT(engram_kv, key, 0);
LOCK_AT(engram_kv, value, 16);
LOCK_SIZE(engram_uuid, 16);
LOCK_SIZE(engram_time, 8);
LOCK_VALUE(ENGRAM_TIME_NONE, INT64_MIN);

LOCK_SIZE(engram_status, 4);
LOCK_VALUE(ENGRAM_OK, 0);
LOCK_VALUE(ENGRAM_CANCELLED, 1);
LOCK_VALUE(ENGRAM_UNKNOWN, 2);
LOCK_VALUE(ENGRAM_INVALID_ARGUMENT, 3);
LOCK_VALUE(ENGRAM_DEADLINE_EXCEEDED, 4);
LOCK_VALUE(ENGRAM_NOT_FOUND, 5);
LOCK_VALUE(ENGRAM_ALREADY_EXISTS, 6);
LOCK_VALUE(ENGRAM_PERMISSION_DENIED, 7);
LOCK_VALUE(ENGRAM_RESOURCE_EXHAUSTED, 8);
LOCK_VALUE(ENGRAM_FAILED_PRECONDITION, 9);
LOCK_VALUE(ENGRAM_ABORTED, 10);
LOCK_VALUE(ENGRAM_OUT_OF_RANGE, 11);
LOCK_VALUE(ENGRAM_UNIMPLEMENTED, 12);
LOCK_VALUE(ENGRAM_INTERNAL, 13);
LOCK_VALUE(ENGRAM_UNAVAILABLE, 14);
LOCK_VALUE(ENGRAM_DATA_LOSS, 15);
LOCK_VALUE(ENGRAM_UNAUTHENTICATED, 16);
LOCK_VALUE(ENGRAM_PASS, 64);
LOCK_VALUE(ENGRAM_PENDING, 65);
LOCK_VALUE(ENGRAM_AGAIN, 66);

LOCK_SIZE(engram_call_ops, 40);
LOCK_AT(engram_call_ops, size, 0);
LOCK_AT(engram_call_ops, alloc, 8);
LOCK_AT(engram_call_ops, fail, 16);
LOCK_AT(engram_call_ops, cancelled, 24);
LOCK_AT(engram_call_ops, complete, 32);

LOCK_VALUE(ENGRAM_CALL_MAY_PEND, 1);
LOCK_VALUE(ENGRAM_CALL_INLINE, 2);
LOCK_VALUE(ENGRAM_CALL_DRY_RUN, 4);
LOCK_SIZE(engram_call, 88);
LOCK_AT(engram_call, size, 0);
LOCK_AT(engram_call, flags, 4);
LOCK_AT(engram_call, deadline_ns, 8);
LOCK_AT(engram_call, request_id, 16);
LOCK_AT(engram_call, traceparent, 32);
LOCK_AT(engram_call, tenant, 48);
LOCK_AT(engram_call, subject, 64);
LOCK_AT(engram_call, ops, 80);

LOCK_VALUE(ENGRAM_ABI_MINOR, 0);
LOCK_SIZE(engram_host, 64);
LOCK_AT(engram_host, size, 0);
LOCK_AT(engram_host, abi_minor, 4);
LOCK_AT(engram_host, product, 8);
LOCK_AT(engram_host, version, 24);
LOCK_AT(engram_host, instance, 40);
LOCK_AT(engram_host, get, 56);

LOCK_SIZE(engram_plugin, 56);
LOCK_AT(engram_plugin, size, 0);
LOCK_AT(engram_plugin, abi_minor, 4);
LOCK_AT(engram_plugin, create, 8);
LOCK_AT(engram_plugin, start, 16);
LOCK_AT(engram_plugin, stop, 24);
LOCK_AT(engram_plugin, destroy, 32);
LOCK_AT(engram_plugin, get, 40);
LOCK_AT(engram_plugin, health, 48);

_Static_assert(sizeof ENGRAM_ENTRY_SYMBOL == sizeof "engram_plugin_v1", "the entry's name");

/* The functions' types, by assignment: a changed parameter does not compile. */
static void *lockAlloc(engram_call *c, size_t n, size_t align) { return (void)c, (void)n, (void)align, (void *)0; }
static engram_status lockFail(engram_call *c, engram_status s, engram_str m) { return (void)c, (void)m, s; }
static int lockCancelled(const engram_call *c) { return (void)c, 0; }
static void lockComplete(engram_call *c, engram_status s) { (void)c, (void)s; }
static const void *lockService(const engram_host *h, const char *id) { return (void)h, (void)id, (const void *)0; }
static engram_status lockCreate(const engram_host *h, engram_str json, engram_call *c, void **self) {
    return (void)h, (void)json, (void)c, (void)self, ENGRAM_OK;
}
static engram_status lockStep(void *self, engram_call *c) { return (void)self, (void)c, ENGRAM_OK; }
static void lockDestroy(void *self) { (void)self; }
static const void *lockGet(void *self, const char *id) { return (void)self, (void)id, (const void *)0; }

extern const engram_call_ops engram_lock_ops;
extern const engram_plugin engram_lock_plugin;
extern const engram_host engram_lock_host;
const engram_call_ops engram_lock_ops = {sizeof engram_lock_ops, 0, lockAlloc, lockFail, lockCancelled, lockComplete};
const engram_plugin engram_lock_plugin = {sizeof engram_lock_plugin, ENGRAM_ABI_MINOR, lockCreate, lockStep, lockStep,
                                          lockDestroy,               lockGet,          lockStep};
const engram_host engram_lock_host = {sizeof engram_lock_host, ENGRAM_ABI_MINOR, {0, 0}, {0, 0}, {0, 0}, lockService};
