/* A storage that stores nothing; on start it leaves a file in its folder, on stop it says so. */
#include <engram/storage.h>
#include <stdio.h>

#include "fake.h"

ENGRAM_MANIFEST(
    "{\"id\":\"fake-storage\",\"version\":\"1.0.0\",\"kind\":\"storage\",\"provides\":[\"engram.storage/1\"],"
    "\"services\":[\"engram.host.log/1\",\"engram.host.state_dir/1\"]}");

static const engram_storage_v1 table = {.size = sizeof table};

static engram_status start(void* self, engram_call* call) {
    const engram_host* host = ((fake*)self)->host;
    const engram_host_state_dir_v1* dir =
        (const engram_host_state_dir_v1*)host->get(host, ENGRAM_HOST_STATE_DIR);
    char path[4096];
    engram_str folder = dir->path(host);
    FILE* file;
    snprintf(path, sizeof path, "%.*s/started", (int)folder.len, folder.ptr);
    file = fopen(path, "w");
    if (!file) return engram_fail(call, ENGRAM_UNAVAILABLE, "no folder");
    fclose(file);
    fake_log(self, "storage started");
    return ENGRAM_OK;
}

static engram_status stop(void* self, engram_call* call) {
    (void)call;
    fake_log(self, "storage stopped");
    return ENGRAM_OK;
}

static const void* get(void* self, const char* id) {
    (void)self;
    return strcmp(id, ENGRAM_STORAGE) == 0 ? &table : NULL;
}

static const engram_plugin plugin = {sizeof plugin, ENGRAM_ABI_MINOR, fake_create, start, stop, free, get,
                                     NULL};
ENGRAM_EXPORT const engram_plugin* engram_plugin_v1(void);
ENGRAM_EXPORT const engram_plugin* engram_plugin_v1(void) {
    return &plugin;
}
