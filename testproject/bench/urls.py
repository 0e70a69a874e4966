from django.urls import path

from . import views
from .ninja_api import api
from .serializers import SERIALIZERS

urlpatterns = [path("ninja/", api.urls)]
for case in SERIALIZERS:
    urlpatterns += [
        path(f"list/{case}/", views.OwnList.as_view(case=case)),
        path(f"hand/{case}/", views.by_hand(case)),
        path(f"restflow/{case}/", views.restflow(case)),
        *(
            path(f"{grade}/{case}/", view.as_view(case=case))
            for grade, view in views.GRADES.items()
        ),
    ]
