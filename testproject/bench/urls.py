from django.urls import path

from . import live, views
from .endpoints import SOURCES
from .ninja_api import api
from .serializers import SERIALIZERS

urlpatterns = [
    path("ninja/", api.urls),
    path("live/sign-in/", live.sign_in),
    path("live/page/", live.page),
    *(path(f"live/{peer}/", view) for peer, view in live.PEERS.items()),
]
for case in SERIALIZERS:
    urlpatterns += [
        path(f"list/{case}/", views.OwnList.as_view(case=case)),
        path(f"hand/{case}/", views.by_hand(case)),
        path(f"restflow/{case}/", views.restflow(case)),
        *(
            path(f"{grade}/{case}/", view.as_view(case=case))
            for grade, view in views.GRADES.items()
        ),
        *(
            path(f"{source}/{case}/", views.Columns.as_view(case=case, stream_source=source))
            for source in SOURCES
        ),
    ]
